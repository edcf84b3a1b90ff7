"""axe-core, the accessibility checker, run in a page."""

from playwright.sync_api import Page

from tests.conftest import missing
from tools.servers import REPOSITORY

_SOURCE = REPOSITORY / "tests" / "js" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async ([within, rules]) => {
    const { violations } = await axe.run(within ?? document, rules === null ? {} : { runOnly: rules });
    return violations.flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html}`));
}"""

COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that depend on the theme of a page. All others see the same document in either."""


def violations(page: Page, within: str | None = None, rules: tuple[str, ...] | None = None) -> list[str]:
    """What axe finds wrong in the page as it is now, or in a part of it, best practices included.

    ``rules`` are the only ones to check. None: all.
    """
    if not _SOURCE.exists():
        missing("axe-core is not installed: npm install in tests/js")
    if not page.evaluate("'axe' in window"):
        page.evaluate(_SOURCE.read_text())
    return list(page.evaluate(_RUN, [within, rules]))

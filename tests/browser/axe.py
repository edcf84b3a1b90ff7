"""axe-core, the accessibility checker, run in a page."""

from playwright.sync_api import Page

from tests.conftest import missing
from tools.servers import REPOSITORY

_SOURCE = REPOSITORY / "tests" / "js" / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async within => {
    const { violations } = await axe.run(within ?? document);
    return violations.flatMap(({ help, nodes }) => nodes.map(({ html }) => `${help}: ${html}`));
}"""


def violations(page: Page, within: str | None = None) -> list[str]:
    """What axe finds wrong in the page as it is now, or in a part of it, best practices included."""
    if not _SOURCE.exists():
        missing("axe-core is not installed: npm install in tests/js")
    page.evaluate(_SOURCE.read_text())
    return list(page.evaluate(_RUN, within))

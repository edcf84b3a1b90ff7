"""What MkDocs does beside its own for the site of the docs: links that leave docs/, and the sources of the pages."""

import posixpath
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

_FAVICON = Path(__file__).resolve().parent.parent / "static" / "live" / "favicon.svg"
_LINK_OUT = re.compile(r"(?<=\]\()\.\./[^)\s]+")


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", **_: Any) -> str:
    """Lead links to files outside docs/, which GitHub follows as they are, to the repository."""

    def outside(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page.file.src_uri), link[0]))
        return f"{config.extra['repository']}/blob/main/{path}"

    return _LINK_OUT.sub(outside, markdown)


def on_post_build(config: "MkDocsConfig", **_: Any) -> None:
    """Put each page's Markdown, which llms.txt links to, beside its HTML, and the icon of the live page on the site."""
    for source in Path(config.docs_dir).glob("*.md"):
        shutil.copy(source, config.site_dir)
    shutil.copy(_FAVICON, Path(config.site_dir, config.theme["favicon"]))

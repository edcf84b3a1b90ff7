"""The site of the docs: its links, the list for programs, and the paths that the docs name."""

import re
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from tests.conftest import require_program
from tools.docs_site import on_page_markdown
from tools.servers import REPOSITORY

DOCS = REPOSITORY / "docs"
PAGES = {path.name for path in DOCS.glob("*.md")}
PATH = re.compile(r"`((?:\.[a-z]|[a-z])[\w.-]*/[\w./-]*)`")


def linked(markdown: str, source: str) -> str:
    """What the site makes of a page's Markdown."""
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri=source))
    config: Any = SimpleNamespace(extra={"repository": "https://r"})
    return on_page_markdown(markdown, page=page, config=config)


def test_a_link_out_of_the_docs_leads_to_the_repository() -> None:
    assert linked("see [it](../deploy/grafana.json).", "a.md") == "see [it](https://r/blob/main/deploy/grafana.json)."


@pytest.mark.parametrize("link", ["[a](api.md#errors)", "![a](images/cost.png)", "[a](https://example.org/../b)"])
def test_other_links_stay_as_they_are(link: str) -> None:
    assert linked(link, "a.md") == link


def test_llms_txt_lists_every_page_and_no_other() -> None:
    listed = re.findall(r"^- \[.+?\]\((\S+?)\): ", (DOCS / "llms.txt").read_text(), re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == PAGES


def test_the_start_page_leads_to_every_page() -> None:
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", (DOCS / "index.md").read_text())) == PAGES - {"index.md"}


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    # Made when something is installed, built or trained.
    made = {"build/", "runs/", "data/"}
    named = {path for path in PATH.findall((REPOSITORY / page).read_text()) if not path.startswith(tuple(made))}
    assert len(named) > 5
    assert {path for path in named if not (REPOSITORY / path).exists()} == set()


def test_every_target_that_a_workflow_makes_exists() -> None:
    made: set[str] = set()
    for path in (REPOSITORY / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text())["jobs"].values():
            made |= {name for step in job["steps"] for name in re.findall(r"^make ([\w-]+)", step.get("run", ""))}
            made |= set(job.get("strategy", {}).get("matrix", {}).get("target", []))
    assert made
    tried = subprocess.run(
        [require_program("make"), "--dry-run", *sorted(made)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr

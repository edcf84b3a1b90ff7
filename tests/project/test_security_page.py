"""The pages on security and operations name tests that exist, and the threats that the tests show are ours."""

import re

import pytest

from tools.servers import REPOSITORY

PAGES = ("security.md", "operations.md")


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", (REPOSITORY / "docs" / page).read_text())
    assert named
    for path, name in named:
        file = REPOSITORY / "tests" / path
        assert file.is_file(), path
        assert re.search(rf"^(async )?def {name}\(", file.read_text(), re.MULTILINE), f"{path}::{name}"


def test_every_threat_and_every_requirement_on_sockets_has_a_test() -> None:
    page = (REPOSITORY / "docs" / "security.md").read_text()
    threats = page.split("## Threats")[1].split("## WebSockets")[0]
    sockets = page.split("V4.4\n")[1].split("## Django")[0]
    for table, rows in ((threats, 15), (sockets, 4)):
        lines = [line for line in table.splitlines() if line.startswith("|")][2:]
        assert len(lines) >= rows
        assert all("::test_" in line for line in lines)
    assert [row.split("|")[1].strip() for row in sockets.splitlines() if row.startswith("| 4.4")] == [
        "4.4.1", "4.4.2", "4.4.3", "4.4.4",
    ]  # fmt: skip

"""What the docs say runs as it is printed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import live.protocol
from live.protocol import ErrorCode
from tests.servers import REPOSITORY, RunningServer


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / "docs" / page).read_text(), re.DOTALL)


def test_the_python_example_of_the_protocol_runs(fake_server: RunningServer, tmp_path: Path) -> None:
    (example,) = blocks("protocol.md", "python")
    (tmp_path / "example.py").write_text(example)
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "example.py"), fake_server.ws],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert finished.stdout.splitlines()[-1].endswith("wanting to ring everybody I know.")


def test_the_protocol_page_lists_every_error_and_every_close_code() -> None:
    page = (REPOSITORY / "docs" / "protocol.md").read_text()
    assert {code for code in get_args(ErrorCode) if f"`{code}`" not in page} == set()
    close_codes = {value for name, value in vars(live.protocol).items() if name.startswith("CLOSE_")}
    assert len(close_codes) > 5
    assert {code for code in close_codes if f"| {code} |" not in page} == set()


def test_links_between_pages_lead_somewhere() -> None:
    for page in [REPOSITORY / "README.md", *(REPOSITORY / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"

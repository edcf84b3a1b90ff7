"""The examples of docs/clients.md run as they are printed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import REPOSITORY, RunningServer

ADDRESS = "http://localhost:8000"
PAGES = ("docs/clients.md", "clients/python/README.md")
EXAMPLES = [
    example
    for page in PAGES
    for example in re.findall(r"```python\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)
]
COMMANDS = re.findall(r"^starcast(?:-conformance)? .*", (REPOSITORY / "docs/clients.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_python_example_prints_a_rating(fake_server: RunningServer, tmp_path: Path, example: str) -> None:
    assert ADDRESS in example
    (tmp_path / "example.py").write_text(example.replace(ADDRESS, fake_server.http))
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "example.py")],
        env={"PYTHONPATH": str(REPOSITORY / "clients/python/src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert re.search(r"\d\.\d", finished.stdout)


def test_each_command_is_one_that_the_package_installs() -> None:
    assert len(COMMANDS) == 3
    scripts = (REPOSITORY / "clients/python/pyproject.toml").read_text()
    assert {command.split()[0] for command in COMMANDS} == set(
        re.findall(r'^(starcast[\w-]*) = "starcast_client', scripts, re.MULTILINE)
    )

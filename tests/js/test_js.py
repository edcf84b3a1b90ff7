"""The JavaScript unit tests, run by node."""

import subprocess
from pathlib import Path

from tests.conftest import missing, require_program

HERE = Path(__file__).resolve().parent


def test_the_modules_of_the_page_pass_their_unit_tests() -> None:
    node = require_program("node")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    # Node tells ES modules from scripts by itself from this version on.
    if tuple(map(int, version.removeprefix("v").split(".")[:2])) < (20, 19):
        missing(f"node {version} is too old: 20.19 or newer")
    files = [str(file) for file in sorted(HERE.glob("*/*.test.js"))]
    finished = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "# fail 0" in finished.stdout

"""What ``manage.py`` writes is its user's alone, but for the files of the page."""

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tools.servers import REPOSITORY


def modes(folder: Path, pattern: str) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob(pattern)}


def test_the_database_is_its_users_alone_and_so_is_what_sqlite_adds(data_dir: Path) -> None:
    connection = sqlite3.connect(data_dir / "starcast.sqlite3")
    connection.execute("BEGIN IMMEDIATE")  # So that there is a file of what is not yet written back.
    assert modes(data_dir, "starcast.sqlite3*") == {0o600}
    connection.close()


@pytest.mark.parametrize("command", ["model", "apikey"])
def test_without_tables_a_command_is_one_line_that_says_how_to_make_them(tmp_path: Path, command: str) -> None:
    listed = subprocess.run(
        [sys.executable, "manage.py", command, "list"],
        cwd=REPOSITORY,
        env={**os.environ, "STARCAST_DATA_DIR": str(tmp_path), "STARCAST_SECRET_KEY": "x" * 60},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert listed.returncode == 1
    assert "Traceback" not in listed.stderr
    assert "manage.py migrate" in listed.stderr.splitlines()[-1]


def test_everybody_can_read_the_files_of_the_page(data_dir: Path, static_dir: Path) -> None:
    assert modes(static_dir, "*.gz") == {0o644}

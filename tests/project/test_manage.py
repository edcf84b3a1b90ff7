"""What ``manage.py`` writes is its user's alone, but for the files of the page."""

import sqlite3
import stat
from pathlib import Path


def modes(folder: Path, pattern: str) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.rglob(pattern)}


def test_the_database_is_its_users_alone_and_so_is_what_sqlite_adds(data_dir: Path) -> None:
    connection = sqlite3.connect(data_dir / "starcast.sqlite3")
    connection.execute("BEGIN IMMEDIATE")  # So that there is a file of what is not yet written back.
    assert modes(data_dir, "starcast.sqlite3*") == {0o600}
    connection.close()


def test_everybody_can_read_the_files_of_the_page(data_dir: Path, static_dir: Path) -> None:
    assert modes(static_dir, "*.gz") == {0o644}

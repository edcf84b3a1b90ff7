"""Files as people have them: all texts come out as they are, or the error says what to do."""

from pathlib import Path

import pytest

from tools.odd_files import BEGIN, END, HEADER, ODD_FILES, PAGE, OddFile, line, outcome
from tools.servers import RunningServer


@pytest.mark.parametrize("file", ODD_FILES, ids=[file.what for file in ODD_FILES])
def test_a_file_is_rated_right_or_refused(file: OddFile, fake_server: RunningServer, tmp_path: Path) -> None:
    found = outcome(file, tmp_path, fake_server.http)
    assert found.texts == file.texts
    if file.texts is None:
        assert found.status == 2
        assert file.name in found.said
        assert file.error in found.said
    else:
        assert found.status == (1 if None in file.texts else 0)
    assert line(file, found) in documented()


def test_the_docs_have_all_files_in_order() -> None:
    assert [each.split(" | ")[0] for each in documented()] == [f"| {file.what}" for file in ODD_FILES]


def documented() -> list[str]:
    """Return the lines of the table of the docs."""
    table = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return table.removeprefix(HEADER).splitlines(keepends=True)

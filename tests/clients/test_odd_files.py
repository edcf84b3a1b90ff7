"""Files as people have them: all texts come out as they are, or the error says what to do."""

from pathlib import Path

import pytest

from tools.odd_files import BEGIN, END, ODD_FILES, PAGE, OddFile, outcome, table


@pytest.mark.parametrize("file", ODD_FILES, ids=[file.what for file in ODD_FILES])
def test_a_file_is_read_right_or_refused(file: OddFile, tmp_path: Path) -> None:
    texts, error = outcome(file, tmp_path)
    assert texts == file.texts
    assert file.error in error
    assert bool(file.error) == bool(error)
    assert not error or file.name in error


def test_the_docs_have_these_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.partition(BEGIN)[2].partition(END)[0] == table()

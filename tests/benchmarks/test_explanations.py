"""The benchmark of explanations, at a real server with a tiny model. It checks what is measured, not how fast."""

import json
from pathlib import Path

import pytest

from benchmarks.explanations import LENGTHS, PARTS, main, texts_of


def test_texts_have_exactly_so_many_words() -> None:
    assert list(texts_of(["one two three", "four five"], 2)) == ["one two", "three four"]


@pytest.mark.long
@pytest.mark.ci
def test_sentences_come_before_words(checkpoint: Path, tmp_path: Path) -> None:
    assert main(["--texts", "2", "--checkpoint", str(checkpoint), "--threads", "1", "--output", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "explanations.json").read_text())
    assert [each["words"] for each in figures["lengths"]] == list(LENGTHS)
    for each in figures["lengths"]:
        assert list(each["parts"]) == list(PARTS)
        times = [part["median_ms"] for part in each["parts"].values()]
        assert 0 < times[0] < times[1] <= times[2]

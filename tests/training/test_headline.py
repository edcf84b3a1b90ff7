"""The figures of the headline: typed key by key, and played through the page's own module."""

import json
from pathlib import Path

import pytest

from model_core.fake import FakeClassifier
from tests.conftest import require_program
from training.headline import main, play, record


def test_a_text_is_typed_key_by_key() -> None:
    keys = record(FakeClassifier(), "A film")
    assert [key["text"] for key in keys] == ["A", "A ", "A f", "A fi", "A fil", "A film"]
    assert all(len(key["probabilities"]) == 8 for key in keys)


def test_a_side_that_flickers_within_words_is_shown_only_at_their_ends() -> None:
    classifier = FakeClassifier()
    (rating,) = record(classifier, "x")
    words = "good bad good bad "
    keys = [
        {
            **rating,
            "text": words[: end + 1],
            "probabilities": [1.0, *[0.0] * 7],
            "positive": float(end % 2),
            "tokens": 1,
            "is_prior": False,
            "legible": 1.0,
        }
        for end in range(len(words))
    ]
    figures = play([{"keys": keys, "is_positive": True}], classifier, require_program("node"))
    assert figures["raw"]["changes_per_100_keys"] == pytest.approx(100 * 17 / 18)
    # At the ends of words, keys 4, 8, 13 and 17, counted from 0.
    assert figures["headline"]["changes_per_100_keys"] == pytest.approx(100 * 2 / 18)
    assert figures["headline"]["ends_of_words"] == figures["raw"]["ends_of_words"] == 4
    assert figures["headline"]["right_of_all"] == 0.5
    assert (figures["headline"]["appears"], figures["headline"]["goes"]) == (1, 0)


def test_the_command_prints_one_json_object(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_program("node")
    assert main(["--data", str(archive), "--backend", "fake", "--reviews", "2", "--validation-share", "0.5"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["sentence"]["headline"]["keys"] == 38
    assert printed["reviews"]["raw"].keys() == printed["reviews"]["headline"].keys()


def test_a_missing_archive_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_program("node")
    assert main(["--data", str(tmp_path / "none.tar.gz"), "--backend", "fake"]) == 1
    assert capsys.readouterr().err.startswith("error: ")

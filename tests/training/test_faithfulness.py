import json
from pathlib import Path

import pytest

from model_core.fake import FakeClassifier
from tests.factories import make_review
from tests.model_core.test_explain import STEP, Counting
from training.faithfulness import deletion_test, main


async def test_words_that_matter_move_the_stars_by_their_weight_and_others_less() -> None:
    review = make_review(text="a good good plot and a bad cast of the small sort but so it goes on and on and on")
    figures = await deletion_test(Counting(), [review] * 3)
    assert figures["1"]["reviews"] == 3
    assert figures["1"]["fall"] == pytest.approx(6 * STEP)
    assert figures["3"]["fall"] == pytest.approx(12 * STEP)
    assert figures["1"]["rise"] == pytest.approx(3 * STEP)
    assert 0 <= figures["1"]["random"] < figures["1"]["fall"]


async def test_reviews_with_too_few_words_are_left_out() -> None:
    figures = await deletion_test(FakeClassifier(), [make_review(text="two words")])
    assert figures.keys() == {"1"}


def test_the_command_prints_one_json_object(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(archive), "--backend", "fake", "--reviews", "2", "--validation-share", "0.5"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["reviews"] == 2
    assert printed["deleted_words"]["1"].keys() == {"reviews", "fall", "rise", "random"}


def test_a_missing_archive_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path / "none.tar.gz"), "--backend", "fake"]) == 1
    assert capsys.readouterr().err.startswith("error: ")

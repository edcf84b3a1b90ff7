"""The command that writes feedback for training."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from live.models import Feedback
from training.data import load_split, read_reviews

pytestmark = pytest.mark.django_db


def given(text: str, stars: int) -> None:
    Feedback.objects.create(
        text=text, stars=stars, model_stars=9, expected_stars=8.25, probabilities=[0.125] * 8, model_version="1"
    )


def exported(folder: Path) -> str:
    output = StringIO()
    call_command("export_feedback", str(folder), stdout=output)
    return output.getvalue()


def test_training_reads_what_it_writes(tmp_path: Path) -> None:
    texts = [("Dull.\nLoud. Ещё 🎬", 1), ("<b>Fine</b>", 10), ("Good", 7), ("Weak", 4), ("Good", 8)]
    for text, stars in texts:
        given(text, stars)
    assert "5 texts" in exported(tmp_path / "out")
    assert (tmp_path / "out/aclImdb/train/neg/0_1.txt").read_text() == "Dull.\nLoud. Ещё 🎬"
    reviews = read_reviews(tmp_path / "out", "train")
    assert sorted((review.text, review.stars) for review in reviews) == sorted(texts)
    train, validation = (load_split(tmp_path / "out", split, 0.5) for split in ("train", "validation"))
    assert len(train) + len(validation) == 5
    same = [review.group for review in reviews if review.text == "Good"]
    assert same[0] == same[1], "two opinions on one text stay in one split"


def test_feedback_of_one_side_alone_is_read_too(tmp_path: Path) -> None:
    given("Good", 7)
    exported(tmp_path / "out")
    assert [review.text for review in read_reviews(tmp_path / "out", "train")] == ["Good"]


def test_nothing_is_overwritten_and_nothing_to_write_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no feedback yet"):
        exported(tmp_path / "out")
    given("Good", 7)
    (tmp_path / "file").write_text("mine")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(CommandError, match="already exists"):
            exported(taken)
    assert (tmp_path / "file").read_text() == "mine"

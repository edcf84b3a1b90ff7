from collections.abc import Sequence
from pathlib import Path

from model_core.cache import Caches, EncoderCache
from model_core.classifier import Input, Prediction
from model_core.fake import FakeClassifier
from training.evaluation.kept import KeptPredictions

TEXTS = ["A fine film.", "Two hours of my life.", "A fine film.", "", "half of an emoji \ud83c"]


class Counting(FakeClassifier):
    """The fake classifier, with the texts that it rated."""

    def __init__(self) -> None:
        super().__init__()
        self.rated: list[Input] = []

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        self.rated += texts
        return super().classify(texts, caches)


def test_each_text_is_rated_once_also_by_a_later_run_and_the_predictions_are_the_very_same(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "predictions.jsonl"
    expected = FakeClassifier().classify(TEXTS)
    first = Counting()
    assert KeptPredictions(first, file).classify(TEXTS[:2]) == expected[:2]
    later = Counting()
    assert KeptPredictions(later, file).classify(TEXTS) == expected
    assert (first.rated, later.rated) == (TEXTS[:2], TEXTS[3:])
    assert "film" not in file.read_text()


def test_a_line_that_was_cut_off_is_rated_again(tmp_path: Path) -> None:
    file = tmp_path / "predictions.jsonl"
    KeptPredictions(FakeClassifier(), file).classify(TEXTS)
    whole = file.read_text()
    file.write_text(whole[:-10])
    again = Counting()
    assert KeptPredictions(again, file).classify(TEXTS) == FakeClassifier().classify(TEXTS)
    assert again.rated == TEXTS[-1:]
    assert file.read_text() == whole


def test_with_caches_nothing_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "predictions.jsonl"
    KeptPredictions(FakeClassifier(), file).classify(TEXTS, [EncoderCache() for _ in TEXTS])
    assert file.read_text() == ""

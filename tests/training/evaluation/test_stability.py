from collections.abc import Sequence

import pytest

from model_core.cache import Caches
from model_core.classifier import Input, Prediction
from model_core.fake import FakeClassifier
from model_core.labels import NUM_LABELS, STARS
from tests.factories import make_review
from training.data import Review
from training.evaluation.stability import KEY_BINS, MAX_KEYSTROKES, stability_metrics


class Scripted(FakeClassifier):
    """Rates a text by its length: the n-th number of stars for n characters, the last for all longer ones."""

    def __init__(self, *stars: int) -> None:
        super().__init__()
        self.stars = stars

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        return [self._certain(self.stars[min(len(text), len(self.stars)) - 1]) for text in texts]

    def _certain(self, stars: int) -> Prediction:
        return Prediction(tuple(float(index == STARS.index(stars)) for index in range(NUM_LABELS)), 1, False)


def review_of(chars: int, stars: int = 9) -> Review:
    return make_review(1, stars, "a" * chars)


def test_a_constant_is_perfectly_stable_and_says_so_beside_its_accuracy() -> None:
    figures = stability_metrics(Scripted(9), [review_of(10, stars=9), review_of(30, stars=1)])
    assert (figures["flips_per_100_keys"], figures["edit_overhead"], figures["correction_time"]) == (0, 0, 0)
    assert figures["move_per_key"] == 0
    assert figures["accuracy"] == pytest.approx(0.25)


def test_flips_and_moves_are_counted_by_the_key() -> None:
    figures = stability_metrics(Scripted(1, 1, 9, 1, 9), [review_of(10)])
    assert figures["flips_per_100_keys"] == pytest.approx(30)
    # One change leads from 1 to 9; the two others were in vain.
    assert figures["edit_overhead"] == pytest.approx(2 / 3)
    assert figures["correction_time"] == pytest.approx(0.4)
    assert figures["move_per_key"] == pytest.approx(3 * 8 / 9)
    assert figures["accuracy"] == pytest.approx(0.7)


def test_long_reviews_are_typed_only_so_far() -> None:
    assert stability_metrics(Scripted(9), [review_of(5_000)])["keystrokes"] == MAX_KEYSTROKES


def test_accuracy_is_told_apart_by_how_much_is_typed() -> None:
    # Wrong up to the fifth key, and right from there.
    figures = stability_metrics(Scripted(1, 1, 1, 1, 1, 9), [review_of(15), review_of(40)])
    assert figures["accuracy_by_key"] == {"10": 0.5, "20": 1.0, "40": 1.0}


def test_every_key_that_is_typed_is_in_a_bin() -> None:
    assert list(stability_metrics(Scripted(9), [review_of(5_000)])["accuracy_by_key"]) == [str(key) for key in KEY_BINS]

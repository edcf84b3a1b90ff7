from collections.abc import Sequence

import pytest

from model_core.cache import Caches
from model_core.checkpoint import TOKENIZER_FILE, read_config
from model_core.classifier import Input, Prediction
from model_core.fake import FAKE_INFO, FakeClassifier
from model_core.labels import CLASS_OF_STARS, NUM_LABELS
from model_core.loading import load_classifier
from model_core.states import DEFAULT_STATES
from model_core.tokenizer import TextTokenizer
from tests.factories import separable_reviews
from tests.tiny import tiny_tokenizer
from tools.servers import REPOSITORY
from training.evaluate import DEFAULT_CHECKPOINT
from training.evaluation.short_texts import (
    ILLEGIBLE_WORDS,
    judge_legibility,
    judge_no_opinion,
    judge_openings,
    judge_sentences,
    judge_stated_ratings,
)
from training.sets import of_length, read_kinds, read_lines


class Sure(FakeClassifier):
    """Rates a text by what ``stars_of`` says of it, without a doubt; None leaves it at the prior."""

    def __init__(self, stars_of: dict[str, int]) -> None:
        super().__init__()
        self.stars_of = stars_of

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        return [Prediction(self._row(str(text)), 1, truncated=False) for text in texts]

    def _row(self, text: str) -> tuple[float, ...]:
        if text not in self.stars_of:
            return FAKE_INFO.prior
        return tuple(float(label == CLASS_OF_STARS[self.stars_of[text]]) for label in range(NUM_LABELS))


def test_a_sentence_is_right_when_its_side_is() -> None:
    opinions = read_kinds("opinions", "judge")
    right = dict.fromkeys(opinions["positive"], 9) | dict.fromkeys(opinions["negative"], 2)
    assert judge_sentences(Sure(right), "judge")["binary_accuracy"] == 1
    assert judge_sentences(Sure(dict.fromkeys(right, 9)), "judge")["binary_accuracy"] == pytest.approx(0.5)


def test_a_stated_rating_is_right_within_one_star_in_every_wording() -> None:
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    stated = {
        wording.format(n=stars, word=words[stars - 1], stars="★" * stars, empty="☆" * (10 - stars)): stars
        for wording in read_lines("stated_ratings")
        for stars in (1, 2, 3, 4, 7, 8, 9, 10)
    }
    figures = judge_stated_ratings(Sure(stated))
    assert figures["texts"] == 400
    by_stars = figures["within_one_by_stars"]
    assert all(by_stars[str(stars)] == 1 for stars in (1, 2, 3, 4, 7, 8, 9, 10))
    assert by_stars["6"] == 1, "the prior of the fake is 5.5 stars"


def test_openings_move_nothing_where_the_model_hears_the_review_alone() -> None:
    reviews = separable_reviews(3, seed=1)
    still = judge_openings(Sure({}), reviews)
    assert (still["reviews"], still["texts"], still["mean_move"]) == (3, 12, 0)
    moved = judge_openings(Sure({review.text: 10 for review in reviews}), reviews)
    assert moved["mean_move"] == pytest.approx(10 - 5.5)


def test_a_rating_like_the_prior_is_no_opinion() -> None:
    opinions = read_kinds("opinions", "judge")
    sure = Sure(dict.fromkeys((*opinions["positive"], *opinions["negative"]), 1))
    figures = judge_no_opinion(sure, 0.15, "judge")
    assert (figures["neutral"], figures["opinion"]) == (1, 0)
    assert figures["share"]["plot"] == 1


def test_legibility_is_judged_at_the_threshold_of_the_checkpoint() -> None:
    tokenizer = TextTokenizer(tiny_tokenizer(), 64, 0.5, legibility=lambda text, pieces: 0.4)  # type: ignore[arg-type]
    reviews = separable_reviews(2, seed=1)
    strict, lax = (judge_legibility(tokenizer, threshold, reviews, "judge") for threshold in (0.5, 0.3))
    assert (strict["found"], lax["found"]) == (1, 0)
    assert strict["wrongly_flagged"]["whole reviews"] == 1
    assert set(lax["wrongly_flagged"].values()) == {0.0}


def test_no_illegible_text_gets_a_verdict_of_the_shipped_model() -> None:
    folder = REPOSITORY / DEFAULT_CHECKPOINT
    tokenizer = TextTokenizer.from_config(folder / TOKENIZER_FILE, read_config(folder)[0])
    kinds = read_kinds("illegible").values()
    texts = [text for lines in kinds for words in ILLEGIBLE_WORDS for text in of_length(lines, words)]
    texts += [text for lines in kinds for text in lines]
    read = [text for text in texts if (tokenizer.encode(text).legible or 0) >= DEFAULT_STATES.legible]
    ratings = load_classifier(folder, threads=1).classify(read)
    assert [text for text, rating in zip(read, ratings, strict=True) if rating.state in ("leans", "says")] == []

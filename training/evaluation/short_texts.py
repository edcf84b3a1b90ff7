"""Evaluate a checkpoint on short texts of our own: single sentences, stated ratings, openings, and illegible texts."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from model_core.classifier import Classifier
from model_core.labels import expected_stars, positive_probability
from model_core.states import information
from model_core.tokenizer import TextTokenizer
from training.data import Review
from training.sets import Half, first_words, of_length, read_kinds, read_lines

READABLE: Final = ("readable", "neutral", "opinions")
"""Sets of legible texts."""
ILLEGIBLE_WORDS: Final = (3, 10, 40)
BEGINNING_WORDS: Final = (3, 5, 10, 40)
OPENINGS_A_REVIEW: Final = 4
TYPED_KEYS: Final = 40
INFORMATION: Final = (0.05, 0.1, 0.12, 0.15, 0.2, 0.25)
"""Thresholds to try when choosing one."""

_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_BATCH: Final = 16


def judge_short_texts(
    classifier: Classifier, tokenizer: TextTokenizer, reviews: Sequence[Review], half: Half
) -> dict[str, Any]:
    """Return all figures except for openings. ``reviews`` and their beginnings are only used for legibility."""
    thresholds = classifier.info.states
    return {
        "sentences": judge_sentences(classifier, half),
        "stated_wordings": judge_stated_ratings(classifier),
        "legibility": judge_legibility(tokenizer, thresholds.legible, reviews, half),
        "no_opinion": judge_no_opinion(classifier, thresholds.information, half),
    }


def judge_sentences(classifier: Classifier, half: Half) -> dict[str, Any]:
    """Single sentences with an opinion: the share whose side is predicted right."""
    texts = read_kinds("opinions", half)
    right = [
        (positive_probability(row) > 0.5) == (side == "positive")
        for side, listed in texts.items()
        for row in _rate(classifier, listed)
    ]
    return {"texts": len(right), "binary_accuracy": float(np.mean(right))}


def judge_stated_ratings(classifier: Classifier) -> dict[str, Any]:
    """Stated ratings of 1 to 10 in forty wordings: the share with expected stars at most one away."""
    wordings = read_lines("stated_ratings")
    error: dict[str, list[float]] = {}
    for stars, word in enumerate(_NUMBERS, start=1):
        fills = {"n": stars, "word": word, "stars": "★" * stars, "empty": "☆" * (10 - stars)}
        rows = _rate(classifier, [wording.format(**fills) for wording in wordings])
        error[str(stars)] = [abs(expected_stars(row) - stars) for row in rows]
    pool = np.array(list(error.values()))
    return {
        "texts": pool.size,
        "within_one": float((pool <= 1).mean()),
        "mae": float(pool.mean()),
        "within_one_by_stars": {stars: float((np.array(each) <= 1).mean()) for stars, each in error.items()},
    }


def judge_openings(classifier: Classifier, reviews: Sequence[Review]) -> dict[str, Any]:
    """Measure how much a few empty words at the start move the expected stars of whole reviews."""
    openings = read_lines("openings")
    moves: list[float] = []
    for number, review in enumerate(reviews):
        first = number * OPENINGS_A_REVIEW
        chosen = [openings[(first + each) % len(openings)] for each in range(OPENINGS_A_REVIEW)]
        plain, *opened = _rate(classifier, [review.text, *(f"{opening} {review.text}" for opening in chosen)])
        moves += [abs(expected_stars(row) - expected_stars(plain)) for row in opened]
    return {
        "reviews": len(reviews),
        "texts": len(moves),
        "mean_move": float(np.mean(moves)),
        "max_move": float(np.max(moves)),
    }


def judge_legibility(
    tokenizer: TextTokenizer, threshold: float, reviews: Sequence[Review], half: Half
) -> dict[str, Any]:
    """Return the shares of illegible texts that are found, and of legible texts that are wrongly flagged."""

    def flagged(texts: Sequence[str]) -> list[bool]:
        read = (tokenizer.encode(text).legible for text in texts)
        return [legible is not None and legible < threshold for legible in read]

    found = {
        kind: {str(words): flagged(of_length(texts, words)) for words in ILLEGIBLE_WORDS}
        for kind, texts in read_kinds("illegible", half).items()
    }
    readable = [text for name in READABLE for texts in read_kinds(name, half).values() for text in texts]
    wrong = {"own texts": flagged(readable)}
    wrong["own texts, half-typed"] = flagged([text[:keys] for text in readable for keys in range(1, len(text))])
    for words in BEGINNING_WORDS:
        wrong[f"first {words} words"] = flagged([first_words(review.text, words) for review in reviews])
    wrong["first keys"] = flagged([review.text[:keys] for review in reviews for keys in range(1, TYPED_KEYS + 1)])
    wrong["whole reviews"] = flagged([review.text for review in reviews])
    return {
        "illegible_texts": sum(len(each) for kind in found.values() for each in kind.values()),
        "found": _share([each for kind in found.values() for lengths in kind.values() for each in lengths]),
        "found_by_kind": {kind: {words: _share(each) for words, each in by.items()} for kind, by in found.items()},
        "reviews": len(reviews),
        "wrongly_flagged": {name: _share(each) for name, each in wrong.items()},
    }


def judge_no_opinion(classifier: Classifier, threshold: float, half: Half) -> dict[str, Any]:
    """Return the share of texts with the state ``no_opinion``, by kind, and the shares at other thresholds."""
    neutral, opinions = read_kinds("neutral", half), read_kinds("opinions", half)
    told = {
        kind: np.array([information(row, classifier.info.prior) for row in _rate(classifier, listed)])
        for kind, listed in {**neutral, **opinions}.items()
    }
    return {
        "texts": {kind: len(each) for kind, each in told.items()},
        "neutral": float(np.mean([each < threshold for kind in neutral for each in told[kind]])),
        "opinion": float(np.mean([each < threshold for kind in opinions for each in told[kind]])),
        "share": {kind: float((each < threshold).mean()) for kind, each in told.items()},
        "share_at": {
            str(other): {kind: float((each < other).mean()) for kind, each in told.items()} for other in INFORMATION
        },
    }


def _rate(classifier: Classifier, texts: Sequence[str]) -> list[tuple[float, ...]]:
    return [
        prediction.probabilities
        for start in range(0, len(texts), _BATCH)
        for prediction in classifier.classify(texts[start : start + _BATCH])
    ]


def _share(flags: Sequence[bool]) -> float:
    return float(np.mean(flags))

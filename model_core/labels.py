"""The eight ratings of the Large Movie Review Dataset, in class order, listed only here."""

from collections.abc import Sequence
from typing import Final

STARS: Final = (1, 2, 3, 4, 7, 8, 9, 10)
"""Stars of classes 0 to 7. The dataset has no 5 and 6, since they are neither positive nor negative."""

NUM_LABELS: Final = len(STARS)
FIRST_POSITIVE_STARS: Final = 7
ID2LABEL: Final = {index: str(stars) for index, stars in enumerate(STARS)}
LABEL2ID: Final = {label: index for index, label in ID2LABEL.items()}
CLASS_OF_STARS: Final = {stars: index for index, stars in enumerate(STARS)}
FIRST_POSITIVE_CLASS: Final = STARS.index(FIRST_POSITIVE_STARS)


def expected_stars(probabilities: Sequence[float]) -> float:
    """Return the mean of the distribution, in stars."""
    return sum(stars * p for stars, p in zip(STARS, probabilities, strict=True))


def positive_probability(probabilities: Sequence[float]) -> float:
    """Return the probability of 7 stars or more."""
    return min(1.0, sum(probabilities[FIRST_POSITIVE_CLASS:]))


def central_interval(probabilities: Sequence[float], coverage: float = 0.8) -> tuple[int, int]:
    """Return the stars at both ends of the central ``coverage`` of the distribution.

    At most ``(1 - coverage) / 2`` of the probability lies below the first value, and at most as much above the second.
    """
    tail = (1 - coverage) / 2
    return _quantile(probabilities, tail), _quantile(probabilities, 1 - tail)


def _quantile(probabilities: Sequence[float], level: float) -> int:
    cumulated = 0.0
    for stars, probability in zip(STARS, probabilities, strict=True):
        cumulated += probability
        if cumulated >= level:
            return stars
    return STARS[-1]

"""The labels of a model. The eight ratings of the Large Movie Review Dataset, in class order, are listed only here."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Task = Literal["ratings", "ordinal", "nominal"]
"""``ratings``: values with a negative and a positive side. ``ordinal``: labels in an order. ``nominal``: in none."""


@dataclass(frozen=True, slots=True)
class LabelSet:
    """The labels of a model, in class order. Raises ValueError for labels that contradict each other."""

    names: tuple[str, ...]
    task: Task = "nominal"
    values: tuple[float, ...] | None = None
    """One number for each label, ascending. Ratings have values, nominal labels have none."""

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(set(self.names)) < len(self.names) or not all(map(str.strip, self.names)):
            raise ValueError(f"at least two different labels are needed, none of them empty, not {list(self.names)}")
        if self.task not in get_args(Task):
            raise ValueError(f"the task must be one of {', '.join(get_args(Task))}, not {self.task!r}")
        if (self.values is None and self.task == "ratings") or (self.values is not None and self.task == "nominal"):
            raise ValueError("ratings need values, and nominal labels have none")
        if self.values is not None and (
            len(self.values) != len(self.names) or not all(low < high for low, high in itertools.pairwise(self.values))
        ):
            raise ValueError(f"the values must ascend, one for each of {len(self.names)} labels: {list(self.values)}")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def id2label(self) -> dict[int, str]:
        """Names by class, as Hugging Face has them."""
        return dict(enumerate(self.names))

    @property
    def label2id(self) -> dict[str, int]:
        """Classes by name, as Hugging Face has them."""
        return {name: index for index, name in enumerate(self.names)}

    @property
    def is_ordered(self) -> bool:
        """Whether two labels can be neighbours."""
        return self.task != "nominal"

    @property
    def first_positive(self) -> int | None:
        """First class of the positive side, which begins above the middle of the scale; None without sides."""
        if self.task != "ratings" or self.values is None:
            return None
        middle = (self.values[0] + self.values[-1]) / 2
        return next(index for index, value in enumerate(self.values) if value > middle)

    @property
    def is_film(self) -> bool:
        """Whether these are the film ratings, which alone are counted in stars."""
        return self == FILM_RATINGS

    def most_probable(self, probabilities: Sequence[float]) -> int:
        """Return the class of the largest probability."""
        return max(range(len(self)), key=probabilities.__getitem__)

    def positive(self, probabilities: Sequence[float]) -> float:
        """Return the probability of the positive side. Raises ValueError for labels without sides."""
        if self.first_positive is None:
            raise ValueError("these labels have no positive side")
        return min(1.0, sum(probabilities[self.first_positive :]))

    def expected(self, probabilities: Sequence[float]) -> float:
        """Return the mean of a distribution over the values. Raises ValueError for labels without values."""
        return sum(value * p for value, p in zip(self._needed_values, probabilities, strict=True))

    def interval(self, probabilities: Sequence[float], coverage: float = 0.8) -> tuple[float, float]:
        """Return the values at both ends of the central ``coverage`` of a distribution.

        At most ``(1 - coverage) / 2`` of the probability lies below the first, and at most as much above the second.
        Raises ValueError for labels without values.
        """
        tail = (1 - coverage) / 2
        return self._quantile(probabilities, tail), self._quantile(probabilities, 1 - tail)

    def _quantile(self, probabilities: Sequence[float], level: float) -> float:
        values = self._needed_values
        cumulated = itertools.accumulate(probabilities)
        return next((value for value, below in zip(values, cumulated, strict=True) if below >= level), values[-1])

    @property
    def _needed_values(self) -> tuple[float, ...]:
        if self.values is None:
            raise ValueError("labels without values have no mean")
        return self.values


STARS: Final = (1, 2, 3, 4, 7, 8, 9, 10)
"""Stars of classes 0 to 7. The dataset has no 5 and 6, since they are neither positive nor negative."""

NUM_LABELS: Final = len(STARS)
FIRST_POSITIVE_STARS: Final = 7
FILM_RATINGS: Final = LabelSet(tuple(map(str, STARS)), "ratings", STARS)
ID2LABEL: Final = FILM_RATINGS.id2label
LABEL2ID: Final = FILM_RATINGS.label2id
CLASS_OF_STARS: Final = {stars: index for index, stars in enumerate(STARS)}
FIRST_POSITIVE_CLASS: Final = STARS.index(FIRST_POSITIVE_STARS)


def expected_stars(probabilities: Sequence[float]) -> float:
    """Return the mean of the distribution, in stars."""
    return FILM_RATINGS.expected(probabilities)


def positive_probability(probabilities: Sequence[float]) -> float:
    """Return the probability of 7 stars or more."""
    return FILM_RATINGS.positive(probabilities)


def central_interval(probabilities: Sequence[float], coverage: float = 0.8) -> tuple[float, float]:
    """Return the stars at both ends of the central ``coverage`` of the distribution."""
    return FILM_RATINGS.interval(probabilities, coverage)

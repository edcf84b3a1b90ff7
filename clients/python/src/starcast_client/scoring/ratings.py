"""The columns that rating adds to a row."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self

from starcast_client.messages import LABELS, ErrorInfo, Label, Rating
from starcast_client.scoring.tables import Row

Record = Mapping[str, Any]
"""A value, or None, for each column."""

# Records contain only the code of an error; these codes are retryable.
_MAY_PASS: Final = frozenset({"rate_limited", "overloaded", "model_unavailable", "internal"})

_OF_ALL: Final[Mapping[str, type]] = {
    "tokens": int, "truncated": bool, "legible": float, "state": str, "model_version": str, "error": str,
}  # fmt: skip


class Columns:
    """The columns of ratings by some labels. ``p_7`` is the probability of 7 stars, ``p_good`` that of ``good``."""

    def __init__(
        self,
        labels: tuple[Label, ...] = LABELS,
        values: tuple[float, ...] | None = LABELS,
        has_sides: bool = True,
    ) -> None:
        is_film = all(isinstance(label, int) for label in labels)
        has_values = values is not None
        value = int if is_film else float
        self.kinds: Mapping[str, type] = {
            **({"stars": int, "expected_stars": float} if is_film else {"label": str}),
            **({"expected_value": float} if has_values and not is_film else {}),
            **({"positive": float} if has_sides else {}),
            **({"interval_low": value, "interval_high": value} if has_values else {}),
            **{f"p_{label}": float for label in labels},
            **_OF_ALL,
        }
        """Type of each column, in order."""
        self._labels = labels

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Return those that end a header; before them the input may have columns of any name."""
        header = tuple(names)
        shares = itertools.takewhile(lambda name: name.startswith("p_"), reversed(header[: -len(_OF_ALL)]))
        labels = tuple(name.removeprefix("p_") for name in shares)[::-1]
        kinds = [cls(labels, values, has_sides) for values in ((), None) for has_sides in (True, False)]
        return next((each for each in kinds if header[-len(each.kinds) :] == tuple(each.kinds)), cls())

    def rated(self, rating: Rating) -> Record:
        """Return the columns of a rating. Numbers are not rounded."""
        low, high = rating.interval or (None, None)
        ends = {"interval_low": low, "interval_high": high} if "interval_low" in self.kinds else {}
        return {
            **self._nothing(),
            **{name: getattr(rating, name) for name in self.kinds if hasattr(Rating, name)},
            **ends,
            **{f"p_{label}": share for label, share in zip(self._labels, rating.probabilities, strict=True)},
        }

    def refused(self, error: ErrorInfo) -> Record:
        """Return the columns of a text that the server does not rate."""
        return {**self._nothing(), "error": str(error)}

    def unrated(self, row: Row) -> Record:
        """Return the columns of a row without a text."""
        return {**self._nothing(), "error": row.problem and f"bad_row: {row.problem}"}

    def parse(self, values: Mapping[str, Any], prefix: str) -> Record:
        """Return the record in a row that was written before. Raises KeyError, ValueError."""
        return {name: _parsed(kind, values[prefix + name]) for name, kind in self.kinds.items()}

    def named(self, record: Record, prefix: str) -> Iterator[tuple[str, Any]]:
        """Yield name and value of each column, named as in the output."""
        return ((prefix + name, record[name]) for name in self.kinds)

    def _nothing(self) -> dict[str, Any]:
        return dict.fromkeys(self.kinds)


def may_pass(record: Record) -> bool:
    """Whether the error of a record may not happen again."""
    return str(record["error"] or "").partition(":")[0] in _MAY_PASS


def _parsed(kind: type, value: Any) -> Any:
    # CSV has no null, and everything in it is text.
    if value is None or (value == "" and kind is not str) or value == "":
        return None
    if kind is bool and isinstance(value, str):
        return {"True": True, "False": False}[value]
    return kind(value)

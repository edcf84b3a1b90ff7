"""The columns that rating adds to a row."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from starcast_client.messages import LABELS, ErrorInfo, Rating
from starcast_client.scoring.tables import Row

KINDS: Final[dict[str, type]] = {
    "stars": int,
    "expected_stars": float,
    "positive": float,
    "interval_low": int,
    "interval_high": int,
    **{f"p_{label}": float for label in LABELS},
    "tokens": int,
    "truncated": bool,
    "legible": float,
    "state": str,
    "model_version": str,
    "error": str,
}
"""The added columns, in order; ``p_7`` is the probability of 7 stars."""

Record = Mapping[str, Any]
"""A value, or None, for each of these columns."""

_NOTHING: Final[Record] = dict.fromkeys(KINDS)

# Records contain only the code of an error; these codes are retryable.
_MAY_PASS: Final = frozenset({"rate_limited", "overloaded", "model_unavailable", "internal"})


def rated(rating: Rating) -> Record:
    """Return the columns of a rating. Numbers are not rounded."""
    low, high = rating.interval
    return {
        **_NOTHING,
        **{name: getattr(rating, name) for name in KINDS if hasattr(rating, name)},
        "interval_low": low,
        "interval_high": high,
        **{f"p_{label}": share for label, share in zip(LABELS, rating.probabilities, strict=True)},
    }


def refused(error: ErrorInfo) -> Record:
    """Return the columns of a text that the server does not rate."""
    return {**_NOTHING, "error": str(error)}


def unrated(row: Row) -> Record:
    """Return the columns of a row without a text."""
    return {**_NOTHING, "error": row.problem and f"bad_row: {row.problem}"}


def may_pass(record: Record) -> bool:
    """Whether the error of a record may not happen again."""
    return str(record["error"] or "").partition(":")[0] in _MAY_PASS


def parse(values: Mapping[str, Any], prefix: str) -> Record:
    """Return the record in a row that was written before. Raises KeyError, ValueError."""
    return {name: _parsed(kind, values[prefix + name]) for name, kind in KINDS.items()}


def _parsed(kind: type, value: Any) -> Any:
    # CSV has no null, and everything in it is text.
    if value is None or (value == "" and kind is not str) or value == "":
        return None
    if kind is bool and isinstance(value, str):
        return {"True": True, "False": False}[value]
    return kind(value)


def named(record: Record, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each column, named as in the output."""
    return ((prefix + name, record[name]) for name in KINDS)

"""Resumes from an existing output file: checks that it matches the input, and finds rows to rate again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from starcast_client.messages import as_unicode
from starcast_client.scoring.readers import BadRow, Row, UnreadableFile
from starcast_client.scoring.writers import Output

# Records contain only the code of an error; these codes are retryable.
_MAY_PASS: Final = frozenset({"rate_limited", "overloaded", "model_unavailable", "internal"})


@dataclass(frozen=True, slots=True)
class Past:
    """Progress so far: rows done, rows to rate again, the number of failed rows, and the model used."""

    errors: int
    again: tuple[tuple[int, Row], ...]
    model_version: str | None


def look_back(output: Output, rows: Iterator[Row]) -> Past:
    """Match each existing record to its row, consuming ``rows``. Raises UnreadableFile."""
    errors, again, model_version = 0, [], None
    for number, record in enumerate(output.records()):
        row = next(rows, None)
        if row is None or not _is_same(row, record["text"]):
            raise UnreadableFile(f"the output has ratings of another file: row {number} has another text")
        code = str(record["error"] or "").partition(":")[0]
        if code in _MAY_PASS:
            again.append((number, row))
        errors += bool(code) and code not in _MAY_PASS
        model_version = record["model_version"] or model_version
    return Past(errors, tuple(again), model_version)


def _is_same(row: Row, text: str | None) -> bool:
    # CSV has no null, only the empty string.
    return not text if isinstance(row, BadRow) else as_unicode(row) == as_unicode(text or "")

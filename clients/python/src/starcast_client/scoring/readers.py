"""The texts of a file, in order: one a line, or a column of CSV, JSONL or Parquet."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


class UnreadableFile(Exception):  # noqa: N818 - reads as what it says
    """A file that cannot be read as what it seems to be; the message is for people."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row without a text."""

    message: str


Row = str | BadRow


def read_texts(path: Path, column: str) -> Iterator[Row]:
    """The rows of a file, by its ending; text where the ending is another. Raises UnreadableFile, OSError."""
    return _READERS.get(path.suffix.lower(), _read_lines)(path, column)


def _read_lines(path: Path, _column: str) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            yield line.rstrip("\r\n")


def _read_csv(path: Path, column: str) -> Iterator[Row]:
    # A review may be longer than the 131,072 characters that the csv module expects.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        if column not in (rows.fieldnames or ()):
            raise UnreadableFile(f"no column {column!r} in {path.name}; it has {', '.join(rows.fieldnames or ())}")
        for row in rows:
            yield _text_of(row, column)


def _read_jsonl(path: Path, column: str) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            try:
                content = json.loads(line)
            except (ValueError, RecursionError):
                yield BadRow("not JSON")
                continue
            yield content if isinstance(content, str) else _text_of(content, column)


def _read_parquet(path: Path, column: str) -> Iterator[Row]:
    from starcast_client.scoring.parquet import read_column  # pyarrow is of the extra [score]

    for text in read_column(path, column):
        yield _text_of({column: text}, column)


def _text_of(row: Any, column: str) -> Row:
    text = row.get(column) if isinstance(row, dict) else None
    return text if isinstance(text, str) else BadRow(f"no text in {column!r}")


_READERS: Final[dict[str, Callable[[Path, str], Iterator[Row]]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}

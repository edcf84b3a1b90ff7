"""Reads the texts of a file in order: one per line, or a column of CSV, JSONL or Parquet."""

import contextlib
import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STDIN: Final = Path("-")

# Notepad and Excel write a byte order mark.
_ENCODING: Final = "utf-8-sig"
_KINDS: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


class UnreadableFile(Exception):  # noqa: N818 - reads as what it says
    """A file that cannot be read in its format. The message is for users."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row without a text."""

    message: str


Row = str | BadRow


@dataclass(frozen=True, slots=True)
class Source:
    """A file that can be read repeatedly, with its name and format."""

    path: Path
    name: str
    kind: str


def is_regular(path: Path) -> bool:
    """Whether a file can be read twice; standard input and pipes cannot."""
    return path != STDIN and path.is_file()


@contextlib.contextmanager
def open_source(path: Path, kind: str | None) -> Iterator[Source]:
    """Open a file; pipes are copied for the duration of the block. Raises OSError."""
    kind = kind or _KINDS.get(path.suffix.lower(), "text")
    if is_regular(path):
        yield Source(path, path.name, kind)
        return
    with tempfile.TemporaryDirectory() as folder:
        copy_path = Path(folder) / "copy"
        opened = contextlib.nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb")
        with opened as stream, copy_path.open("wb") as copy:
            shutil.copyfileobj(stream, copy)
        yield Source(copy_path, path.name, kind)


def read_texts(source: Source, column: str) -> Iterator[Row]:
    """Yield the rows of a file. Raises UnreadableFile, OSError."""
    return KINDS[source.kind](source, column)


def _read_lines(source: Source, _column: str) -> Iterator[Row]:
    with source.path.open(encoding=_ENCODING, errors="replace", newline="\n") as lines:
        for line in lines:
            yield line.rstrip("\r\n")


def _read_csv(source: Source, column: str) -> Iterator[Row]:
    # Reviews may exceed the csv module's default limit of 131,072 characters.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with source.path.open(encoding=_ENCODING, errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        if column not in (rows.fieldnames or ()):
            raise UnreadableFile(f"no column {column!r} in {source.name}; it has {', '.join(rows.fieldnames or ())}")
        for row in rows:
            yield _text_of(row, column)


def _read_jsonl(source: Source, column: str) -> Iterator[Row]:
    with source.path.open(encoding=_ENCODING, errors="replace", newline="\n") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                content = json.loads(line)
            except (ValueError, RecursionError):
                yield BadRow("not JSON")
                continue
            yield content if isinstance(content, str) else _text_of(content, column)


def _read_parquet(source: Source, column: str) -> Iterator[Row]:
    from starcast_client.scoring.parquet import read_column  # pyarrow comes with the extra [score]

    for text in read_column(source, column):
        yield _text_of({column: text}, column)


def _text_of(row: Any, column: str) -> Row:
    text = row.get(column) if isinstance(row, dict) else None
    return text if isinstance(text, str) else BadRow(f"no text in {column!r}")


KINDS: Final[dict[str, Callable[[Source, str], Iterator[Row]]]] = {
    "text": _read_lines,
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "parquet": _read_parquet,
}

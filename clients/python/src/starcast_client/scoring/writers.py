"""Resumable files of ratings: JSONL, CSV, and Parquet (through JSONL)."""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from starcast_client.messages import LABELS, Rating
from starcast_client.scoring.readers import UnreadableFile

COLUMNS: Final = (
    "row", "text", "stars", "expected_stars", "positive", "interval_low", "interval_high",
    *(f"p_{label}" for label in LABELS), "tokens", "truncated", "is_prior", "model_version", "error",
)  # fmt: skip

Record = Mapping[str, Any]


def rated(row: int, rating: Rating) -> Record:
    """Return the record of a rating. ``p_7`` is the probability of 7 stars; numbers are not rounded."""
    low, high = rating.interval
    plain = ("text", "stars", "expected_stars", "positive", "tokens", "truncated", "is_prior", "model_version")
    return {
        "row": row,
        **{name: getattr(rating, name) for name in plain},
        "interval_low": low,
        "interval_high": high,
        **{f"p_{label}": share for label, share in zip(LABELS, rating.probabilities, strict=True)},
        "error": None,
    }


def failed(row: int, text: str | None, message: str) -> Record:
    """Return the record of a row that could not be rated."""
    return {**dict.fromkeys(COLUMNS), "row": row, "text": text, "error": message}


class Output(Protocol):
    """A file of ratings. ``rows`` is the number of records when it was opened."""

    rows: int

    def records(self) -> Iterator[Record]:
        """The existing records when it was opened, in order."""

    def replace(self, records: Mapping[int, Record]) -> None:
        """Replace existing records atomically."""

    def append(self, record: Record) -> None:
        """Write one record durably."""

    def close(self) -> None:
        """Close the file; it can be continued later."""

    def finish(self) -> None:
        """Complete the file after the last record."""


def open_output(path: Path) -> Output:
    """Open a file of ratings by its suffix, to continue it. Raises UnreadableFile, OSError."""
    match path.suffix.lower():
        case ".jsonl" | ".ndjson":
            return LinesOutput(path, JSONL)
        case ".csv":
            return LinesOutput(path, _CSV)
        case ".parquet":
            from starcast_client.scoring.parquet import ParquetOutput  # pyarrow comes with the extra [score]

            return ParquetOutput(path)
    raise UnreadableFile(f"an output ends in .jsonl, .csv or .parquet: {path.name}")


class _Format(Protocol):
    header: str

    def encode(self, record: Record) -> str: ...
    def decode(self, lines: Iterator[str]) -> Iterator[Record]: ...


class _Jsonl:
    header = ""

    def encode(self, record: Record) -> str:
        return json.dumps({name: record[name] for name in COLUMNS}, ensure_ascii=False) + "\n"

    def decode(self, lines: Iterator[str]) -> Iterator[Record]:
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                return
            if not isinstance(record, dict):
                return
            yield record


class _Csv:
    def __init__(self) -> None:
        self.header = self._line(COLUMNS)

    def encode(self, record: Record) -> str:
        return self._line([record[name] for name in COLUMNS])

    def decode(self, lines: Iterator[str]) -> Iterator[Record]:
        for values in csv.reader(lines):
            if len(values) != len(COLUMNS):
                return
            yield dict(zip(COLUMNS, values, strict=True))

    def _line(self, values: Any) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        return line.getvalue()


JSONL: Final = _Jsonl()
_CSV: Final = _Csv()


class LinesOutput:
    """Appends one record per line. A line cut off by a crash is dropped on opening."""

    def __init__(self, path: Path, form: _Format) -> None:
        self.rows, end = _scan(path, form) if path.exists() else (0, 0)
        self._path = path
        self._form = form
        self._file = path.open("ab")
        self._file.truncate(end)
        if end == 0:
            self._file.write(form.header.encode())

    def records(self) -> Iterator[Record]:
        """The existing records when it was opened."""
        with self._path.open(encoding="utf-8", newline="\n") as lines:
            if self._form.header:
                next(lines, "")
            yield from itertools.islice(self._form.decode(lines), self.rows)

    def replace(self, records: Mapping[int, Record]) -> None:
        """Rewrite the file atomically."""
        new_path = self._path.with_name(f"{self._path.name}.unfinished")
        with new_path.open("wb") as file:
            file.write(self._form.header.encode())
            for number, record in enumerate(self.records()):
                file.write(self._form.encode(records.get(number, record)).encode())
        self._file.close()
        new_path.replace(self._path)
        self._file = self._path.open("ab")

    def append(self, record: Record) -> None:
        """Append one record."""
        self._file.write(self._form.encode(record).encode())
        self._file.flush()

    def close(self) -> None:
        """Close the file. Records are already flushed."""
        self._file.close()

    def finish(self) -> None:
        """Nothing to do."""


def _scan(path: Path, form: _Format) -> tuple[int, int]:
    """Return the number of records, and where the last complete one ends. Raises UnreadableFile."""
    offset = 0
    is_whole = True

    def lines() -> Iterator[str]:
        nonlocal offset, is_whole
        with path.open("rb") as file:
            for line in file:
                offset += len(line)
                is_whole = line.endswith(b"\n")
                yield line.decode("utf-8", "replace")

    source = lines()
    rows = 0
    if form.header and (first := next(source, form.header)) != form.header and is_whole:
        raise UnreadableFile(f"{path.name} holds something else: its first line is {first[:80]!r}")
    end = offset if is_whole else 0
    for record in form.decode(source):
        if not is_whole:
            break
        if str(record.get("row")) != str(rows) or not record.keys() >= set(COLUMNS):
            raise UnreadableFile(f"{path.name} holds something else: row {rows} is missing")
        rows += 1
        end = offset
    return rows, end

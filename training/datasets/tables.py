"""Reads tables of texts with labels: CSV, TSV, JSON lines, Parquet. Each row has its place in the file."""

import codecs
import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from training.errors import DataError

_DELIMITERS: Final = ";,|\t"


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its values by column, or why it cannot be read."""

    place: str
    """Such as "line 7" or, where a file has no lines, "row 7"; both count from 1."""
    values: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def read_table(
    path: Path, columns: Sequence[str], encoding: str = "utf-8", delimiter: str | None = None
) -> Iterator[TableRow]:
    """Yield the rows of a file; the ending of its name says what it is.

    Raises DataError for a file that cannot be read as a whole, such as one without one of ``columns``.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{path}: the name of a table ends in {', '.join(_READERS)}, not {suffix or 'nothing'!r}")
    try:
        yield from _READERS[suffix](path, columns, encoding, delimiter)
    except (OSError, LookupError) as error:
        raise DataError(f"cannot read {path}: {error}") from error


def _read_csv(path: Path, columns: Sequence[str], encoding: str, delimiter: str | None) -> Iterator[TableRow]:
    # Texts may exceed the csv module's default limit of 131,072 characters.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    delimiter = delimiter or ("," if path.suffix.lower() == ".csv" else "\t")
    # With newline="", the csv module finds the ends of lines itself, also those inside quotes.
    records = csv.reader(io.StringIO(_decoded(path, encoding), newline=""), delimiter=delimiter, strict=True)
    names: list[str] | None = None
    while True:
        place = f"line {records.line_num + 1}"
        try:
            cells = next(records)
        except StopIteration:
            break
        except csv.Error as error:
            raise DataError(f"{path}, {place}: a quote is not closed, or not doubled in a text ({error})") from error
        if names is None:
            names = _checked_header(path, [cell.strip() for cell in cells], columns)
        elif len(cells) != len(names) and cells:
            yield TableRow(place, problem=f"it has {len(cells)} cells, and the header {len(names)}")
        elif cells:
            yield TableRow(place, dict(zip(names, cells, strict=True)))
    if names is None:
        raise DataError(f"{path} is empty, without even a header")


def _read_json_lines(path: Path, columns: Sequence[str], encoding: str, delimiter: str | None) -> Iterator[TableRow]:
    # Not splitlines, which also cuts at other signs that a JSON string may hold.
    for number, line in enumerate(_decoded(path, encoding).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield TableRow(place, problem=f"it is not JSON: {error}")
            continue
        if isinstance(content, dict):
            yield TableRow(place, content)
        else:
            yield TableRow(place, problem="it is not a JSON object")


def _read_parquet(path: Path, columns: Sequence[str], encoding: str, delimiter: str | None) -> Iterator[TableRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _checked_header(path, file.schema_arrow.names, columns)
            number = 0
            for batch in file.iter_batches(columns=list(columns)):
                for values in batch.to_pylist():
                    number += 1
                    yield TableRow(f"row {number}", values)
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not Parquet, or damaged: {error}") from error


_READERS: Final[Mapping[str, Callable[[Path, Sequence[str], str, str | None], Iterator[TableRow]]]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".tab": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _decoded(path: Path, encoding: str) -> str:
    content = path.read_bytes()
    try:
        return content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        other = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "cp1252"
        raise DataError(f"{path}, line {line}: not {encoding}; name its --encoding, such as {other}") from error


def _checked_header(path: Path, names: Sequence[str], columns: Sequence[str]) -> list[str]:
    for column in columns:
        if names.count(column) != 1:
            found = "two columns" if column in names else "no column"
            cure = "use --text, --label and --group to name the columns"
            if len(names) == 1 and (between := set(names[0]) & set(_DELIMITERS)):
                cure = f"name what is between its cells: --delimiter {min(between)!r}"
            raise DataError(f"{path} has {found} {column!r}; it has {', '.join(map(repr, names))}: {cure}")
    return list(names)

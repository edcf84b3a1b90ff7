"""Writes rows with their ratings: JSONL, CSV, TSV or Parquet, to a file or to standard output."""

import csv
import gzip
import io
import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Final, Literal, get_args

from starcast_client.messages import as_unicode
from starcast_client.scoring.ratings import Columns, Record
from starcast_client.scoring.sources import COMPRESSION_SUFFIXES, Source, UnreadableFile, suffix_of
from starcast_client.scoring.tables import Row

OutputFormat = Literal["jsonl", "csv", "tsv", "parquet"]
OUTPUT_FORMATS: Final[tuple[OutputFormat, ...]] = get_args(OutputFormat)
_FORMAT_OF_SUFFIX: Final[dict[str, OutputFormat]] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
_DELIMITERS: Final = {"csv": ",", "tsv": "\t"}

# A spreadsheet takes such a cell for a formula, which may send the sheet elsewhere. A plain number is none.
_FORMULA: Final = re.compile(r"[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"[+\-]?[\d.,]+([eE][+\-]?\d+)?")


class Survey:
    """What all rows have: their number, and the columns with the types of their values. Raises what reading raises."""

    def __init__(self, name: str, rows: Iterable[Row]) -> None:
        self._name = name
        self.rows = 0
        self.problem: str | None = None
        """The first of the problems that rows have."""
        self._seen: dict[str, set[type]] = {}
        for row in rows:
            self.rows += 1
            self.problem = self.problem or row.problem
            for name, value in row.values.items():
                self._seen.setdefault(name, set()).update(() if value is None else (_kind_of(value),))

    @property
    def columns(self) -> list[str]:
        """The names of all columns of the input."""
        return list(self._seen)

    def kinds(self, columns: Columns, prefix: str) -> dict[str, type]:
        """The type of each column of the output: bool, int, float or str, and str for mixed ones.

        Raises UnreadableFile where two have the same name.
        """
        both = sorted(self._seen.keys() & {prefix + name for name in columns.kinds})
        if both:
            raise UnreadableFile(
                f"{self._name}: has columns with the names of rating columns ({', '.join(both)}): "
                "put something before the latter, for instance --prefix rating_"
            )
        own = {name: _common(kinds) for name, kinds in self._seen.items()}
        return own | {prefix + name: kind for name, kind in columns.kinds.items()}


def output_format(path: Path, wanted: OutputFormat | None) -> OutputFormat:
    """Return the format of an output by its name. Raises UnreadableFile."""
    if path.name == "" or path.is_dir():
        raise UnreadableFile(f"{str(path)!r} is a folder: name a file for the output")
    if path.exists() and not path.is_file():
        raise UnreadableFile(f"{path} is no file: use - for standard output")
    found = wanted or (_FORMAT_OF_SUFFIX.get(suffix_of(path)) if str(path) != "-" else "jsonl")
    if found is None:
        raise UnreadableFile(f"{path.name}: an output ends in {', '.join(_FORMAT_OF_SUFFIX)}; or use --output-format")
    suffix = path.suffix.lower()
    if found == "parquet" and (str(path) == "-" or suffix in COMPRESSION_SUFFIXES):
        raise UnreadableFile("Parquet goes to a file of its own, uncompressed: it compresses itself")
    if suffix in COMPRESSION_SUFFIXES and not _is_compressed(path):
        raise UnreadableFile(f"{path.name}: an output is compressed as .gz, not as {suffix}")
    return found


def write(
    path: Path,
    format_: OutputFormat,
    rows: Iterable[tuple[Row, Record]],
    survey: Survey,
    columns: Columns,
    prefix: str,
    source: Source,
) -> None:
    """Write a whole output, or none. Raises OSError."""
    kinds = survey.kinds(columns, prefix)
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        if format_ == "parquet":
            from starcast_client.scoring import parquet  # pyarrow comes with the extra [score]

            like = parquet.schema_of(source) if source.format == "parquet" else None
            plain = [name for name in kinds if like is None or name not in like.names]
            merged = (_merged(row, dict(columns.named(record, prefix)), kinds) for row, record in rows)
            values = (row | {name: _plain(row[name], kinds[name]) for name in plain} for row in merged)
            parquet.write_rows(unfinished, values, kinds, like)
        else:
            with _open(unfinished, _is_compressed(path)) as file:
                line_of = LineMaker(format_, survey, columns, prefix)
                file.write(line_of.header)
                file.writelines(line_of(row, record) for row, record in rows)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


class LineMaker:
    """Makes the lines of an output of text, in UTF-8: ``header``, and one for each row."""

    def __init__(self, format_: OutputFormat, survey: Survey, columns: Columns, prefix: str) -> None:
        self._kinds = survey.kinds(columns, prefix)
        self._columns = columns
        self._prefix = prefix
        self._delimiter = _DELIMITERS.get(format_)
        self.header = self._line([name_of(name, format_) for name in self._kinds]) if self._delimiter else b""

    def __call__(self, row: Row, record: Record) -> bytes:
        """Return the line of a row."""
        rating = dict(self._columns.named(record, self._prefix))
        if self._delimiter is None:
            # The halves of an emoji that was cut through stay as they are: JSON can escape them.
            return (_json({**row.values, **rating}) + "\n").encode("utf-8", "backslashreplace")
        return self._line([_cell(value) for value in _merged(row, rating, self._kinds).values()])

    def _line(self, cells: list[Any]) -> bytes:
        line = io.StringIO()
        # Every Python quotes CR and LF where both end a line.
        csv.writer(line, delimiter=self._delimiter or ",", lineterminator="\r\n").writerow(cells)
        return as_unicode(line.getvalue()).encode()


def to_stdout(line: bytes) -> None:
    """Write to standard output as it is, whatever the terminal speaks."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def guarded(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before it where needed."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def name_of(column: str, format_: OutputFormat) -> str:
    """Return the name that a column has in an output."""
    return guarded(column) if format_ in _DELIMITERS else column


def _merged(row: Row, rating: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(kinds), **row.values, **rating}


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return guarded(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return guarded(_json(value) if isinstance(value, dict | list) else _as_text(value))


def _plain(value: Any, kind: type) -> Any:
    """Return a value as one of the type of its column."""
    if isinstance(value, str):
        return as_unicode(value)
    if value is None or isinstance(value, kind):
        return value
    return float(value) if kind is float else as_unicode(_json(value))


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_as_text)
    except ValueError:
        return json.dumps(_finite(value), ensure_ascii=False, default=_as_text)


def _finite(value: Any) -> Any:
    """Replace NaN and infinity, which JSON does not have, by null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(each) for name, each in value.items()}
        case list():
            return [_finite(each) for each in value]
        case _:
            return value


def _as_text(value: Any) -> str:
    """Write bytes, or a date or a number of Excel or Arrow. Arrow's may have nanoseconds, which Python's have not."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if hasattr(value, "type") and str(value.type).startswith("duration"):
        return f"{value.value} {value.type.unit}"
    return str(value.cast("string").as_py() if hasattr(value, "cast") else value)


def _kind_of(value: Any) -> type:
    """Return bool, int, float or str; object for anything else, and for what no number of Parquet holds."""
    kind = type(value)
    fits = kind is not int or -(2**63) <= value < 2**63
    return kind if fits and kind in (bool, int, float, str) else object


def _common(kinds: set[type]) -> type:
    if kinds == {int, float}:
        return float
    return next(iter(kinds)) if len(kinds) == 1 and object not in kinds else str


def _is_compressed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _open(path: Path, compressed: bool) -> IO[bytes]:
    # A fixed time, so that the same run writes the same file.
    return gzip.GzipFile(path, "wb", mtime=0) if compressed else path.open("wb")  # type: ignore[return-value]

"""Reads the rows of a file in order, with all their columns."""

import contextlib
import csv
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starcast_client.plurals import counted
from starcast_client.scoring.sources import Format, Source, UnreadableFile

_DELIMITERS: Final[dict[str, str]] = {"csv": ",", "tsv": "\t"}
_JSON_SPACE: Final = " \t\n\r"
_NO_TEXTS: Final = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
_SEPARATOR: Final = re.compile(r"sep=(.)[\r\n]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One row: all its values by column, and its text, or where it stands and why it has none."""

    values: Mapping[str, Any]
    text: str = ""
    problem: str | None = None

    @property
    def is_ratable(self) -> bool:
        """Whether there is something to rate. An empty cell is no mistake, and gets no rating."""
        return self.problem is None and bool(self.text.strip())


@dataclass(frozen=True, slots=True)
class Reading:
    """How rows are read: column of the text, sheet of a workbook (default: the first), and whether CSV has quotes."""

    column: str = "text"
    sheet: str | None = None
    quotes: bool = True


def read_rows(source: Source, reading: Reading) -> Iterator[Row]:
    """Yield the rows of a file. Raises UnreadableFile, OSError."""
    return _READERS[source.format](source, reading)


def _read_lines(source: Source, reading: Reading) -> Iterator[Row]:
    with source.open_text() as lines:
        for number, line in enumerate(lines, 1):
            if number == 1 and source.is_assumed and (way := _table_of(line, reading.column)):
                raise UnreadableFile(
                    f"{source.name}: line 1 looks like another format: use {way}, or --format text to rate each line"
                )
            yield _row({reading.column: line.rstrip("\r\n")}, reading, f"line {number}")


def _read_csv(source: Source, reading: Reading) -> Iterator[Row]:
    # Reviews may exceed the csv module's default limit of 131,072 characters.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    with source.open_text() as file:
        # With this line Excel is told the separator.
        told = _SEPARATOR.fullmatch(file.readline())
        if told is None:
            file.seek(0)
        records = csv.reader(
            file,
            delimiter=source.delimiter or (told[1] if told else _DELIMITERS[source.format]),
            quoting=csv.QUOTE_MINIMAL if reading.quotes else csv.QUOTE_NONE,
            strict=True,
        )
        names: Sequence[str] = ()
        while True:
            line = records.line_num + 1 + (told is not None)
            try:
                cells = next(records)
            except StopIteration:
                break
            except csv.Error as error:
                if not names and (other := _other_delimiter(source, reading)):
                    raise UnreadableFile(f"{source.name}: its cells {_separated(other)}") from error
                raise UnreadableFile(
                    f"{source.name}, line {line}: a quote is not closed, or not doubled inside a text ({error}); "
                    "if quotes are ordinary characters in this file, use --no-quotes"
                ) from error
            if not cells:
                continue
            if not names:
                names = _header(cells, source, reading)
            elif len(cells) > len(names):
                problem = f"line {line}: it has {len(cells)} cells, and the header {len(names)}"
                yield Row(dict(zip(names, cells, strict=False)), problem=problem)
            else:
                yield _row(dict(zip(names, cells, strict=False)), reading, f"line {line}")
        if not names:
            raise UnreadableFile(f"{source.name}: is empty, without even a header")


def _read_jsonl(source: Source, reading: Reading) -> Iterator[Row]:
    with source.open_text() as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                content = _load(line)
            except (ValueError, RecursionError) as error:
                yield Row({}, problem=f"line {number}: not JSON: {error}")
                continue
            yield _row_of_json(content, reading, f"line {number}")


def _read_json(source: Source, reading: Reading) -> Iterator[Row]:
    with source.open_text() as file:
        whole = file.read()
    if not whole.lstrip(_JSON_SPACE).startswith("["):
        raise UnreadableFile(
            f"{source.name}: holds no JSON array of objects or strings; "
            "if each line is a value of its own, use --format jsonl"
        )
    number, line, line_at = 0, 1, 0
    try:
        for begin, content in _elements(whole):
            line += whole.count("\n", line_at, begin)
            line_at = begin
            number += 1
            place = f"element {number} (line {line})"
            if isinstance(content, ValueError):
                yield Row({}, problem=f"{place}: not JSON: {content}")
            else:
                yield _row_of_json(content, reading, place)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{source.name}: not JSON after {counted(number, 'element')}: {error}") from error


def _read_parquet(source: Source, reading: Reading) -> Iterator[Row]:
    from starcast_client.scoring.parquet import read_values, schema_of  # pyarrow comes with the extra [score]

    _header(schema_of(source).names, source, reading)
    for number, (values, damaged) in enumerate(read_values(source), 1):
        if reading.column in damaged:
            yield Row(values, problem=f"row {number}: {reading.column!r} is not UTF-8")
        else:
            yield _row(values, reading, f"row {number}")


def _read_workbook(source: Source, reading: Reading) -> Iterator[Row]:
    import openpyxl
    from openpyxl.cell.cell import ERROR_CODES

    # Opened here, for the library goes by the ending of a name.
    with source.path.open("rb") as file, _damage_of_workbook(source), contextlib.ExitStack() as stack:
        sheets, others = [], ""
        # The library reads either the saved values of formulas or the formulas.
        for data_only in (True, False):
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=data_only)
            stack.callback(workbook.close)
            named = {sheet.title: sheet for sheet in workbook.worksheets}
            if reading.sheet is not None and reading.sheet not in named:
                raise UnreadableFile(f"{source.name}: no sheet {reading.sheet!r}; it has {', '.join(named)}")
            if len(named) > 1:
                others = f"; the sheets are {', '.join(map(repr, named))}: use --sheet to name another"
            shown = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
            sheets.append(named[reading.sheet] if reading.sheet is not None else (shown or workbook.worksheets)[0])
            # Some programs write a wrong size of the sheet, and all beyond it would be left out.
            sheets[-1].reset_dimensions()
        names: Sequence[str] = ()
        for number, (cells, unsaved) in enumerate(_cells_of(*sheets), 1):
            place = f"row {number}"
            if all(cell is None for cell in cells):
                continue
            if not names:
                # Formatting makes a sheet wider than its content.
                width = max(place for place, cell in enumerate(cells, 1) if cell is not None)
                header = ["" if cell is None else str(cell) for cell in cells[:width]]
                names = _header(header, source, reading, others)
                place_of_text = names.index(reading.column)
            elif any(cell is not None for cell in cells[len(names) :]):
                yield Row(
                    dict(zip(names, cells, strict=False)), problem=f"{place}: it has cells to the right of the header"
                )
            else:
                values = dict(itertools.zip_longest(names, cells[: len(names)]))
                if place_of_text in unsaved:
                    problem = "its cell has a formula without a saved value; open the workbook in Excel and save it"
                    yield Row(values, problem=f"{place}: {problem}")
                elif values[reading.column] in ERROR_CODES:
                    yield Row(values, problem=f"{place}: its cell has the error {values[reading.column]}")
                else:
                    yield _row(values, reading, place)
        if not names:
            raise UnreadableFile(f"{source.name}: the sheet {sheets[0].title!r} is empty{others}")


def _cells_of(saved: Any, formulas: Any) -> Iterator[tuple[list[Any], frozenset[int]]]:
    """Yield the values of each row, and the places of formulas without a saved value, which stand there themselves."""
    from openpyxl.utils.escape import unescape

    for values, written in zip(saved.iter_rows(), formulas.iter_rows(), strict=True):
        # Excel writes a CR, and other characters that XML does not have, as _x000D_.
        cells = [unescape(cell.value) if isinstance(cell.value, str) else cell.value for cell in values]
        unsaved = []
        for place, (value, formula) in enumerate(zip(values, written, strict=True)):
            # A text that was saved may be empty.
            if formula.data_type == "f" and value.value is None and value.data_type != "str":
                cells[place] = str(getattr(formula.value, "text", formula.value))
                unsaved.append(place)
        yield cells, frozenset(unsaved)


@contextlib.contextmanager
def _damage_of_workbook(source: Source) -> Iterator[None]:
    """Raise UnreadableFile for any error: the library has as many as there are ways to damage a workbook."""
    try:
        yield
    except UnreadableFile:
        raise
    except Exception as error:
        raise UnreadableFile(f"{source.name}: not an Excel workbook (.xlsx), or damaged: {error}") from error


_READERS: Final[dict[Format, Callable[[Source, Reading], Iterator[Row]]]] = {
    "text": _read_lines,
    "csv": _read_csv,
    "tsv": _read_csv,
    "jsonl": _read_jsonl,
    "json": _read_json,
    "parquet": _read_parquet,
    "xlsx": _read_workbook,
}


def missing_column(
    source: Source, reading: Reading, names: Sequence[str], problem: str | None = None, hint: str = ""
) -> UnreadableFile:
    """Return the error for a file without the column of the text, of whose rows perhaps none can be read."""
    if problem is not None and not names:
        hint = ""
        if source.format == "jsonl":
            hint = "; use --format json if the file is one JSON array, or --format csv if it is a table"
        return UnreadableFile(f"{source.name}: no row can be read: {problem}{hint}")
    others = ", ".join(repr(name) for name in names) or "none"
    if source.format in ("csv", "tsv"):
        if names and names[0].startswith(("{", "[")):
            hint = "; it seems to be JSON: use --format jsonl, or --format json for an array"
        elif len(names) == 1 and (delimiter := _delimiter_in(names[0], reading.column)):
            hint = f"; its cells {_separated(delimiter)}"
    return UnreadableFile(
        f"{source.name}: no column {reading.column!r}, but {others}; use --column to name the column of the texts{hint}"
    )


def _delimiter_in(header: str, column: str) -> str | None:
    """Return what separates the cells of a header, if one of them is the column."""
    for delimiter in (";", "\t", "|", ","):
        cells = [cell.strip().strip('"') for cell in header.split(delimiter)]
        if len(cells) > 1 and column in cells:
            return delimiter
    return None


def _other_delimiter(source: Source, reading: Reading) -> str | None:
    with source.open_text() as lines:
        return _delimiter_in(lines.readline(), reading.column)


def _separated(delimiter: str) -> str:
    return f"seem to be separated by {delimiter!r}: use --delimiter {delimiter!r}"


def _table_of(line: str, column: str) -> str | None:
    """Return the options for the table that has this first line, and None where it is a text."""
    if line.lstrip("\t [").startswith("{") and f'"{column}"' in line:
        return "--format json" if line.lstrip().startswith("[") else "--format jsonl"
    delimiter = _delimiter_in(line.rstrip("\r\n"), column)
    formats = {None: None, "\t": "--format tsv", ",": "--format csv"}
    return formats.get(delimiter, f"--format csv --delimiter {delimiter!r}")


def _header(names: Sequence[str], source: Source, reading: Reading, hint: str = "") -> Sequence[str]:
    for name in names:
        if names.count(name) > 1:
            what = f"the name {name!r}; rename one" if name else "no name; name them, or delete them"
            raise UnreadableFile(f"{source.name}: two columns have {what}")
    if reading.column not in names:
        raise missing_column(source, reading, names, hint=hint)
    return names


def _row(values: Mapping[str, Any], reading: Reading, place: str) -> Row:
    text = values.get(reading.column)
    if isinstance(text, bytes):
        # Older programs write Parquet that does not say that its texts are texts.
        with contextlib.suppress(UnicodeDecodeError):
            text = text.decode()
    if isinstance(text, str):
        problem = f"{place}: {reading.column!r} holds NUL characters, so it is no text, or of another encoding"
        return Row(values, problem=problem) if "\0" in text else Row(values, text)
    if text is None and reading.column in values:
        return Row(values)
    kind = _NO_TEXTS.get(type(text)) or getattr(text, "type", type(text).__name__)
    what = f"{reading.column!r} is {kind}, not text" if text is not None else f"no {reading.column!r}"
    return Row(values, problem=f"{place}: {what}")


def _row_of_json(content: Any, reading: Reading, place: str) -> Row:
    if isinstance(content, str):
        return _row({reading.column: content}, reading, place)
    if isinstance(content, dict):
        return _row(content, reading, place)
    return Row({}, problem=f"{place}: neither an object nor a string")


def _load(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once_each, parse_constant=_no_number)


def _elements(array: str) -> Iterator[tuple[int, Any]]:
    """Yield where each element of a JSON array begins, and what it is: a ValueError where it says two things.

    Raises JSONDecodeError, RecursionError.
    """
    strict, lenient = json.JSONDecoder(object_pairs_hook=_once_each, parse_constant=_no_number), json.JSONDecoder()

    def after_space(at: int) -> int:
        while array[at : at + 1] in _JSON_SPACE and at < len(array):
            at += 1
        return at

    at = after_space(array.index("[") + 1)
    is_open = not array.startswith("]", at)
    while is_open:
        try:
            content, end = strict.raw_decode(array, at)
        except ValueError as error:
            content, end = error, lenient.raw_decode(array, at)[1]
        yield at, content
        at = after_space(end)
        is_open = array.startswith(",", at)
        if is_open:
            at = after_space(at + 1)
    if not array.startswith("]", at):
        raise json.JSONDecodeError("Expecting ',' delimiter", array, at)
    if (rest := after_space(at + 1)) < len(array):
        raise json.JSONDecodeError("Extra data", array, rest)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the field {twice!r} stands twice in one object")
    return content


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no number")

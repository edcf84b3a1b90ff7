"""The ``score`` command: progress on stderr, rows with ratings in a file or on stdout, and an exit status."""

import argparse
import asyncio
import codecs
import contextlib
import itertools
import logging
import math
import os
import stat
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from starcast_client.bulk import BulkClient
from starcast_client.errors import StarcastError
from starcast_client.messages import as_unicode
from starcast_client.plurals import counted
from starcast_client.scoring import outputs
from starcast_client.scoring.outputs import OUTPUT_FORMATS, OutputFormat, Survey, output_format
from starcast_client.scoring.progress import Progress, digest_of
from starcast_client.scoring.ratings import Columns, Record
from starcast_client.scoring.score import Stopped, score
from starcast_client.scoring.sources import FORMATS, STDIN, Source, UnreadableFile, open_source
from starcast_client.scoring.tables import Reading, Row, missing_column, read_rows

DESCRIPTION = """\
Rate the texts of a table or a text file (one per line). FILE ends in .csv, .tsv, .jsonl, .json, .parquet, .xlsx or
.txt, and may be compressed (.gz, .bz2, .xz). OUTPUT has all columns of FILE and those of the ratings, and ends in
.jsonl, .csv, .tsv (all also .gz) or .parquet. Run it again to go on with an unfinished run. Exit status: 0 if all rows
are rated, 1 if some have an error, 2 if the run stopped, 130 after Ctrl-C.
"""

STDOUT: Final = Path("-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="input file, or - for standard input")
    parser.add_argument(
        "--output",
        type=Path,
        help="output file, or - for standard output (default: FILE with the suffix .ratings.jsonl, or - for a pipe)",
    )
    parser.add_argument("--column", default="text", help="column of the text (default: text)")
    parser.add_argument("--format", choices=FORMATS, help="format of FILE, if its suffix does not say")
    parser.add_argument("--output-format", choices=OUTPUT_FORMATS, help="format of OUTPUT, if its suffix does not say")
    parser.add_argument("--encoding", type=_encoding, help="encoding of FILE (default: by its mark, or UTF-8)")
    parser.add_argument("--delimiter", type=_delimiter, help="separator of cells (default: comma; tab in .tsv)")
    parser.add_argument("--no-quotes", action="store_true", help="quotes in CSV or TSV are ordinary characters")
    parser.add_argument("--sheet", help="sheet of an Excel workbook (default: the first shown)")
    parser.add_argument("--limit", type=_positive, metavar="N", help="rate only the first N rows")
    parser.add_argument("--prefix", default="", help="put this before the names of the added columns")
    parser.add_argument("--requests", type=_positive, default=2, metavar="N", help="requests at a time (default: 2)")
    parser.add_argument("--force", action="store_true", help="start again, and overwrite OUTPUT")
    parser.add_argument(
        "--keep-going", action="store_true", help="record retryable errors and go on; the next run retries them"
    )
    parser.add_argument("--any-model", action="store_true", help="continue even if the server has another model")


def run(arguments: argparse.Namespace) -> int:
    """Score a file; return the exit status."""
    try:
        import tqdm  # noqa: F401 - what is missing is missed before a file is made
        from filelock import FileLock, Timeout
    except ImportError as error:
        return _stopped(_install(error))
    output = arguments.output or _default_output(arguments.file)
    warnings, logger = _Warnings(), logging.getLogger("starcast_client")
    logger.addHandler(warnings)
    again = f"; run it again to go on with {output}" if output != STDOUT else ""
    try:
        format_ = output_format(output, arguments.output_format)
        _check_streams(arguments.file, output)
        with contextlib.ExitStack() as stack:
            if output != STDOUT:
                # The lock would make this folder.
                output.parent.stat()
                lock = output.with_name(f"{output.name}.lock")
                stack.enter_context(FileLock(lock, timeout=0))
                # Before the lock is released: later it may be that of another run.
                stack.callback(lock.unlink, missing_ok=True)
            return _Run(arguments, output, format_).whole()
    except Timeout:
        return _stopped(f"another run writes {output} at this moment")
    except ImportError as error:
        return _stopped(_install(error))
    except Stopped as error:
        return _stopped(f"{error}{again}")
    except StarcastError as error:
        return _stopped(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _stopped(f"{error.filename or _name(output)}: {error.strerror}{'' if error.filename else again}")
    except KeyboardInterrupt:
        _stopped(f"interrupted{again}")
        return 130
    finally:
        logger.removeHandler(warnings)


class _Run:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, output: Path, format_: OutputFormat) -> None:
        self._arguments = arguments
        self._output = output
        self._format = format_
        self._reading = Reading(arguments.column, arguments.sheet, not arguments.no_quotes)

    def whole(self) -> int:
        """Do it all; return the exit status."""
        arguments = self._arguments
        with open_source(arguments.file, arguments.format, arguments.encoding, arguments.delimiter) as source:
            survey = Survey(source.name, self._rows(source))
            if survey.rows and arguments.column not in survey.columns:
                raise missing_column(source, self._reading, survey.columns, survey.problem)
            counts = _Counts()
            if self._output == STDOUT:
                asyncio.run(self._print(source, survey, counts))
            else:
                self._write(source, survey, counts)
        without = f", {counts.empty:,} without a text" if counts.empty else ""
        rows = counted(survey.rows, "row")
        print(f"{rows}, {counts.errors:,} with an error{without}, in {_name(self._output)}", file=sys.stderr)
        return 1 if counts.errors else 0

    def _rows(self, source: Source) -> Iterator[Row]:
        return itertools.islice(read_rows(source, self._reading), self._arguments.limit)

    async def _print(self, source: Source, survey: Survey, counts: "_Counts") -> None:
        async with self._client() as client:
            columns = Columns(client.labels, client.values, client.has_sides)
            line_of = outputs.LineMaker(self._format, survey, columns, self._arguments.prefix)
            ratings = _shown(score(client, enumerate(self._rows(source)), self._arguments.keep_going), survey.rows, 0)
            outputs.to_stdout(line_of.header)
            async with contextlib.aclosing(ratings):
                async for _, row, record in ratings:
                    outputs.to_stdout(line_of(row, record))
                    counts.add(row, record)

    def _write(self, source: Source, survey: Survey, counts: "_Counts") -> None:
        arguments, output = self._arguments, self._output
        partial = output.with_name(f"{output.name}.partial.jsonl")
        if arguments.force:
            partial.write_bytes(b"")
        with contextlib.closing(Progress(partial)) as progress:
            if output.exists() and progress.is_new:
                self._take_over(source, progress)
            again, model = progress.match(self._rows(source))
            if again or progress.rows < survey.rows:
                asyncio.run(self._rate(source, survey, progress, again, model))

            def merged() -> Iterator[tuple[Row, Record]]:
                for row, record in itertools.zip_longest(self._rows(source), progress.records()):
                    if row is None or record is None or record["digest"] != digest_of(row):
                        raise UnreadableFile(f"{source.name} changed while it was read; use --force to start again")
                    counts.add(row, record)
                    yield row, record

            columns = progress.columns or Columns()
            outputs.write(output, self._format, merged(), survey, columns, arguments.prefix, source)
            progress.remove()

    def _take_over(self, source: Source, progress: Progress) -> None:
        """Continue a finished output: its input may have more rows now, or some have an error that may pass."""
        name = self._output.name
        prefix, rated = self._arguments.prefix, self._written_rows()
        try:
            for number, (row, before) in enumerate(zip(self._rows(source), rated, strict=False)):
                columns = progress.columns or Columns.of(_added(before.values, prefix))
                record = columns.parse(before.values, prefix)
                text = as_unicode(row.text)
                if row.problem is None and as_unicode(before.text) not in (text, outputs.guarded(text)):
                    raise UnreadableFile(
                        f"{name} has ratings of another file: its row {number + 1} has another text; "
                        "use --force to overwrite it, or name another --output"
                    )
                progress.append(number, row, record)
            if next(rated, None) is not None:
                raise UnreadableFile(f"{name} has more rows than {source.name}; use --force to overwrite it")
        except UnreadableFile:
            progress.remove()
            raise
        except (KeyError, ValueError, TypeError) as error:
            progress.remove()
            raise UnreadableFile(f"{name} holds something else; use --force to overwrite it") from error

    def _written_rows(self) -> Iterator[Row]:
        """Yield the rows of the output that is there. Raises ValueError where it is none."""
        reading = Reading(outputs.name_of(self._arguments.column, self._format))
        try:
            with open_source(self._output, self._format) as written:
                yield from read_rows(written, reading)
        except UnreadableFile as error:
            raise ValueError(str(error)) from error

    async def _rate(
        self, source: Source, survey: Survey, progress: Progress, again: list[tuple[int, Row]], model: str | None
    ) -> None:
        done = progress.rows
        todo = itertools.chain(again, itertools.islice(enumerate(self._rows(source)), done, None))
        async with self._client() as client:
            columns = Columns(client.labels, client.values, client.has_sides)
            if progress.columns is not None and progress.columns.kinds != columns.kinds:
                raise UnreadableFile(
                    "the output has ratings with other labels than the server's model: "
                    "name another output, or use --force to start again"
                )
            survey.kinds(columns, self._arguments.prefix)
            ratings = _shown(score(client, todo, self._arguments.keep_going), survey.rows, done - len(again))
            # Close here, even after an error: the requests must not outlive the loop.
            async with contextlib.aclosing(ratings):
                async for number, row, record in ratings:
                    version = record["model_version"]
                    if version and model and version != model and not self._arguments.any_model:
                        raise UnreadableFile(
                            f"the output has ratings by model {model}, and the server has {version}: "
                            "name another output, or use --any-model to mix them"
                        )
                    model = version or model
                    progress.append(number, row, record)

    def _client(self) -> BulkClient:
        arguments = self._arguments
        return BulkClient(arguments.url, api_key=arguments.key, requests=arguments.requests, ssl=arguments.ssl)


def _added(values: Mapping[str, object], prefix: str) -> Sequence[str]:
    """Return the names of columns behind the prefix, in order."""
    return [name.removeprefix(prefix) for name in values if name.startswith(prefix)]


class _Counts:
    """What the last line says."""

    def __init__(self) -> None:
        self.errors = 0
        self.empty = 0

    def add(self, row: Row, record: Record) -> None:
        self.errors += record["error"] is not None
        self.empty += row.problem is None and not row.is_ratable


async def _shown(
    rated: AsyncIterator[tuple[int, Row, Record]], total: int, done: int
) -> AsyncGenerator[tuple[int, Row, Record], None]:
    """Pass on what is rated, with a progress bar on stderr."""
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit="row", disable=None) as progress:
        async for each in rated:
            progress.update()
            yield each


class _Warnings(logging.Handler):
    """Prints warnings of the client above the progress bar."""

    _SAME_WITHIN_S: Final = 10.0

    def __init__(self) -> None:
        super().__init__()
        self._said_at: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        from tqdm import tqdm

        message = record.getMessage()
        if record.created - self._said_at.get(message, -math.inf) > self._SAME_WITHIN_S:
            self._said_at[message] = record.created
            tqdm.write(f"starcast score: {message}", file=sys.stderr)


def _check_streams(file: Path, output: Path) -> None:
    """Raise UnreadableFile where what is rated would be overwritten, or nobody would get the ratings."""
    if output == STDOUT and sys.stdout is None:
        raise UnreadableFile("standard output is closed: name an --output")
    source, target = _status(file, sys.stdin), _status(output, sys.stdout)
    if source and target and stat.S_ISREG(source.st_mode) and os.path.samestat(source, target):
        raise UnreadableFile(f"{_name(output)} is the file that is rated: name another --output")


def _status(path: Path, stream: IO[str] | None) -> os.stat_result | None:
    """Return what the system knows of a file, or of the stream in its place; None if there is none."""
    try:
        if path != STDIN:
            return path.stat()
        return None if stream is None else os.fstat(stream.fileno())
    except OSError:
        return None


def _name(output: Path) -> str:
    return "standard output" if output == STDOUT else str(output)


def _default_output(file: Path) -> Path:
    if file == STDIN or (file.exists() and not file.is_file()):
        return STDOUT
    return file.with_suffix(".ratings.jsonl")


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {value!r}")
    return int(value)


def _delimiter(value: str) -> str:
    character = {"\\t": "\t", "tab": "\t"}.get(value, value)
    if len(character) != 1 or character in '"\r\n':
        raise argparse.ArgumentTypeError(f"one character, or \\t for a tab, not {value!r}")
    return character


def _encoding(value: str) -> str:
    try:
        # What is no encoding of a file, such as idna, cannot do this.
        b"\xff".decode(value, "replace")
    except (LookupError, UnicodeError):
        raise argparse.ArgumentTypeError(f"{value!r} is no encoding of text; for instance cp1252 or utf-16") from None
    return codecs.lookup(value).name


def _install(error: ImportError) -> str:
    return f"{error}; install it by: pip install './clients/python[score]' in the Starcast repository"


def _stopped(reason: str) -> int:
    print(f"starcast score: {reason}", file=sys.stderr)
    return 2

"""The ``score`` command: progress on stderr, ratings in a file, and an exit status."""

import argparse
import asyncio
import contextlib
import itertools
import logging
import math
import sys
from pathlib import Path
from typing import Final

from starcast_client.connecting import Options
from starcast_client.errors import StarcastError
from starcast_client.scoring.readers import KINDS, STDIN, Source, UnreadableFile, is_regular, open_source, read_texts
from starcast_client.scoring.resume import look_back
from starcast_client.scoring.score import Stopped, score
from starcast_client.scoring.writers import Output, Record, open_output

DESCRIPTION = """\
Rate the reviews of a file: text (one per line), CSV, JSONL or Parquet, by its suffix. The ratings are written in the
same order as JSONL, CSV or Parquet, by the suffix of OUTPUT. Rows that are already in OUTPUT are skipped, so a run can
be resumed. Exit status: 0 if all rows are rated, 1 if some have an error, 2 if the run stopped.
"""

# A batch job can wait half a minute for a busy server.
_OPTIONS: Final = Options(max_connect_attempts=8, max_retries=8, outage_timeout_s=None)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", type=Path, metavar="FILE", help="input file, or - for standard input")
    parser.add_argument("--output", type=Path, help="output file (default: FILE with the suffix .ratings.jsonl)")
    parser.add_argument("--format", choices=KINDS, help="format of FILE, if its suffix does not say")
    parser.add_argument("--column", default="text", help="column of the text in CSV, JSONL and Parquet (default: text)")
    parser.add_argument("--connections", type=int, default=8, help="texts to rate at a time (default: 8)")
    parser.add_argument(
        "--keep-going", action="store_true", help="record retryable errors and go on; the next run retries them"
    )
    parser.add_argument("--any-model", action="store_true", help="continue even if the server has another model")


def run(arguments: argparse.Namespace) -> int:
    """Score a file; return the exit status."""
    output_path = arguments.output
    if output_path is None:
        if arguments.file == STDIN or (arguments.file.exists() and not is_regular(arguments.file)):
            return _stopped(f"{arguments.file} is no file beside which ratings could lie: say where by --output")
        output_path = arguments.file.with_suffix(".ratings.jsonl")
    if arguments.connections < 1:
        return _stopped("--connections must be at least 1")
    warnings, logger = _Warnings(), logging.getLogger("starcast_client")
    logger.addHandler(warnings)
    try:
        import tqdm  # noqa: F401 - what is missing is missed before a file is made

        with open_source(arguments.file, arguments.format) as source:
            total = sum(1 for _ in read_texts(source, arguments.column))
            with contextlib.closing(open_output(output_path)) as output:
                errors = asyncio.run(_score(arguments, source, output, total))
                output.finish()
    except ImportError as error:
        return _stopped(f"{error}; install it by: pip install './clients/python[score]' in the Starcast repository")
    except Stopped as error:
        return _stopped(f"{error}; run it again to go on with {output_path}")
    except (StarcastError, UnreadableFile, OSError) as error:
        return _stopped(str(error))
    except KeyboardInterrupt:
        return _stopped(f"interrupted; run it again to go on with {output_path}")
    finally:
        logger.removeHandler(warnings)
    print(f"{total} rows, {errors} of them with an error, in {output_path}", file=sys.stderr)
    return 1 if errors else 0


async def _score(arguments: argparse.Namespace, source: Source, output: Output, total: int) -> int:
    """Rate the remaining rows; return how many rows have an error."""
    from tqdm import tqdm

    rows = read_texts(source, arguments.column)
    past = look_back(output, rows)
    errors, done, model_version = past.errors, output.rows, past.model_version
    renewed: dict[int, Record] = {}
    if done == total and not past.again:
        return errors
    todo = itertools.chain(past.again, enumerate(rows, start=done))
    ratings = score(
        todo, arguments.url, arguments.key, arguments.connections, _OPTIONS, arguments.keep_going, arguments.ssl
    )
    progress = tqdm(total=total, initial=done - len(past.again), unit="row", disable=None)
    # Close here, even after an error: the connections must not outlive the loop.
    async with contextlib.aclosing(ratings):
        with progress:
            async for record in ratings:
                if not arguments.any_model:
                    _expect_model(record, model_version)
                model_version = record["model_version"] or model_version
                errors += record["error"] is not None
                if record["row"] < output.rows:
                    renewed[record["row"]] = record
                    if len(renewed) == len(past.again):
                        output.replace(renewed)
                else:
                    output.append(record)
                    done += 1
                progress.update()
    if done != total:
        raise UnreadableFile(f"{source.name} changed meanwhile: it had {total} rows, and then {done}")
    return errors


class _Warnings(logging.Handler):
    """Prints warnings of the client above the progress bar. Several connections have the same ones."""

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


def _expect_model(record: Record, model_version: str | None) -> None:
    """Raise UnreadableFile if another model rated the earlier rows."""
    if record["model_version"] is not None and model_version is not None and record["model_version"] != model_version:
        raise UnreadableFile(
            f"the output has ratings by model {model_version}, and the server has {record['model_version']}: "
            "name another output, or mix them by --any-model"
        )


def _stopped(reason: str) -> int:
    print(f"starcast score: {reason}", file=sys.stderr)
    return 2

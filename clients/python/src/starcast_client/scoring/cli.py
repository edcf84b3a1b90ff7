"""The ``score`` command: progress on stderr, ratings in a file, and an exit status that says how it went."""

import argparse
import asyncio
import contextlib
import itertools
import sys
from pathlib import Path

from starcast_client.connecting import Options
from starcast_client.errors import StarcastError
from starcast_client.messages import as_unicode
from starcast_client.scoring.readers import BadRow, Row, UnreadableFile, read_texts
from starcast_client.scoring.score import score
from starcast_client.scoring.writers import Output, open_output

DESCRIPTION = """\
Rate the reviews of a file: text (one a line), CSV, JSONL or Parquet, told by its ending. The ratings go in the same
order to JSONL, CSV or Parquet, told by the ending of OUTPUT. Rows that OUTPUT has already are skipped, so that an
interrupted run goes on where it stopped. Exit status: 0 all rated, 1 some rows have an error, 2 stopped.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes besides the server."""
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--output", type=Path, help="default: FILE with .ratings.jsonl in place of its ending")
    parser.add_argument("--column", default="text", help="where the text is, in CSV, JSONL and Parquet (default: text)")
    parser.add_argument("--connections", type=int, default=8, help="texts that are rated at a time (default: 8)")


def run(arguments: argparse.Namespace) -> int:
    """Score a file; return the exit status."""
    output_path = arguments.output or arguments.file.with_suffix(".ratings.jsonl")
    if arguments.connections < 1:
        print("starcast score: --connections must be at least 1", file=sys.stderr)
        return 2
    try:
        import tqdm  # noqa: F401 - what is missing is missed before a file is made

        total = sum(1 for _ in read_texts(arguments.file, arguments.column))
        with contextlib.closing(open_output(output_path)) as output:
            errors = output.done.errors + asyncio.run(_score(arguments, output, total))
            output.finish()
    except (StarcastError, UnreadableFile, OSError, ImportError) as error:
        hint = "; install it by: pip install 'starcast-client[score]'" if isinstance(error, ImportError) else ""
        print(f"starcast score: {error}{hint}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"starcast score: interrupted; run it again to go on with {output_path}", file=sys.stderr)
        return 2
    print(f"{total} rows, {errors} of them with an error, in {output_path}", file=sys.stderr)
    return 1 if errors else 0


async def _score(arguments: argparse.Namespace, output: Output, total: int) -> int:
    from tqdm import tqdm

    done = output.done
    rows = enumerate(read_texts(arguments.file, arguments.column))
    if done.rows and not _is_same(next(itertools.islice(rows, done.rows - 1, None), None), done.last_text):
        raise UnreadableFile("the output has ratings of another file")
    if done.rows == total:
        return 0
    errors = 0
    options = Options(max_connect_attempts=8)
    with tqdm(total=total, initial=done.rows, unit="row", disable=None) as progress:
        async for record in score(rows, arguments.url, arguments.key, arguments.connections, options):
            output.append(record)
            errors += record["error"] is not None
            progress.update()
    return errors


def _is_same(row: tuple[int, Row] | None, text: str | None) -> bool:
    if row is None:
        return False
    return not text if isinstance(row[1], BadRow) else as_unicode(row[1]) == as_unicode(text or "")

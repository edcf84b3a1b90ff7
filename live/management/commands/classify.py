"""``manage.py classify``: rate texts from a shell, with the model that the server uses."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.messages.protocol import Rating, rating_fields
from live.serving.model_choice import load_at_start
from model_core.errors import CheckpointError

_BATCH = 32


class Command(BaseCommand):
    """Rate texts and print one JSON object per line."""

    help = "Rate texts. Prints one JSON object per text and line, in order."

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept texts, or ``--stdin``."""
        parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text to rate")
        parser.add_argument("--stdin", action="store_true", help="rate each line of standard input (UTF-8)")

    def handle(self, *, texts: list[str], stdin: bool, **_: Any) -> None:
        """Rate in batches and print each batch at once. Raises CommandError if there is no model, or no text."""
        if stdin == bool(texts):
            raise CommandError('give either texts or --stdin, such as: manage.py classify "A fine film."')
        if stdin and sys.stdin is None:
            raise CommandError("standard input is closed")
        source = _lines(sys.stdin.buffer) if stdin else _arguments(texts)
        try:
            classifier = load_at_start().classifier
        except CheckpointError as error:
            raise CommandError(str(error)) from error
        for batch in _batches(source):
            for prediction in classifier.classify(batch):
                self._print(Rating(**rating_fields(prediction)).model_dump_json(exclude_none=True))

    def _print(self, line: str) -> None:
        try:
            self.stdout.write(line)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"standard output: {error.strerror}") from error


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Yield the lines of a stream, whatever encoding the shell has. Raises CommandError for what is no UTF-8."""
    lines = (line for chunk in stream for line in chunk.splitlines())
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise CommandError(
                f"standard input, line {number}: not UTF-8 (byte {line[error.start]:#04x}); "
                "convert it, for instance by: iconv -f cp1252 -t utf-8"
            ) from error
        if "\0" in text:
            raise CommandError(f"standard input, line {number}: holds NUL bytes, so it is no text, or UTF-16")
        yield text


def _arguments(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        try:
            # What the shell passes on undecoded has lone surrogates in it.
            text.encode()
        except UnicodeEncodeError as error:
            raise CommandError(f"not UTF-8: {text!r}") from error
        yield text


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, _BATCH)):
        yield batch

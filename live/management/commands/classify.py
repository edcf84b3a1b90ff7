"""``manage.py classify``: rate texts from a shell, with the model that the server uses."""

import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

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
        parser.add_argument("--stdin", action="store_true", help="rate each line of standard input")

    def handle(self, *, texts: list[str], stdin: bool, **_: Any) -> None:
        """Rate in batches and print each batch at once. Raises CommandError if there is no model."""
        if stdin == bool(texts):
            raise CommandError('give either texts or --stdin, such as: manage.py classify "A fine film."')
        source = (line.rstrip("\n") for line in sys.stdin) if stdin else iter(texts)
        try:
            classifier = load_at_start().classifier
        except CheckpointError as error:
            raise CommandError(str(error)) from error
        for batch in _batches(source):
            for prediction in classifier.classify(batch):
                self.stdout.write(Rating(**rating_fields(prediction)).model_dump_json(exclude_none=True))


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, _BATCH)):
        yield batch

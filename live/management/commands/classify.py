"""``manage.py classify``: rate texts in a shell, with the very model that the page shows."""

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
    """Rates each text and prints one JSON object a line."""

    help = "Rate texts: one JSON object a line, in the order of the texts."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take texts, or ``--stdin``."""
        parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text to rate")
        parser.add_argument("--stdin", action="store_true", help="rate each line of standard input")

    def handle(self, *, texts: list[str], stdin: bool, **_: Any) -> None:
        """Rate in batches, printing each as soon as it is there."""
        if stdin == bool(texts):
            raise CommandError('give texts, or --stdin: manage.py classify "A fine film."')
        source = (line.rstrip("\n") for line in sys.stdin) if stdin else iter(texts)
        try:
            classifier = load_at_start().classifier
        except CheckpointError as error:
            raise CommandError(str(error)) from error
        for batch in _batches(source):
            for prediction in classifier.classify(batch):
                self.stdout.write(Rating(**rating_fields(prediction)).model_dump_json())


def _batches(texts: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(islice(iterator, _BATCH)):
        yield batch

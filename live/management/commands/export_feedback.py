"""``manage.py export_feedback``: write feedback as the dataset lays out its reviews."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.admin.feedback_export import write_folder
from live.models import Feedback


class Command(BaseCommand):
    """Writes all feedback into a folder."""

    help = "Write all feedback into a folder that training reads: --data OUTPUT."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the folder."""
        parser.add_argument("output", metavar="OUTPUT", type=Path, help="folder to make; it must be empty or not there")

    def handle(self, *, output: Path, **_: Any) -> None:
        """Write, or say why not."""
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise CommandError(f"{output} is there already: name a new folder")
        feedback = Feedback.objects.order_by("pk")
        if not feedback.exists():
            raise CommandError("there is no feedback yet")
        try:
            count = write_folder(feedback.iterator(), output)
        except OSError as error:
            raise CommandError(f"cannot write {output}: {error.strerror}") from error
        self.stdout.write(f"{output}: {count} texts")

"""``manage.py export_feedback``: write feedback as training reads it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.admin.feedback_export import write_folder
from live.models import Feedback
from model_core.plurals import counted


class Command(BaseCommand):
    """Export all feedback to a folder."""

    help = (
        "Export all feedback to a folder. Training reads film ratings with --data OUTPUT. Other labels are in "
        "OUTPUT/feedback.jsonl, for python -m training.data import."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Accept the output folder."""
        parser.add_argument("output", metavar="OUTPUT", type=Path, help="folder to write; must be new or empty")

    def handle(self, *, output: Path, **_: Any) -> None:
        """Export. Raises CommandError if there is no feedback or the folder is in use."""
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise CommandError(f"{output} already exists and is not an empty folder")
        feedback = Feedback.objects.order_by("pk")
        if not feedback.exists():
            raise CommandError("there is no feedback yet")
        try:
            count = write_folder(feedback.iterator(), output)
        except OSError as error:
            raise CommandError(f"cannot write {output}: {error.strerror}") from error
        self.stdout.write(f"{output}: {counted(count, 'text')}")

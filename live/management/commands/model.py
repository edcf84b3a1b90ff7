"""``manage.py model``: see which models there are, judge one, and have all servers answer by it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.choice import checkpoint_folders, find_checkpoint, newest_choice, verify
from live.engine import Serving
from live.models import ModelChoice
from model_core.checkpoint import GOLDEN_FILE, read_config
from model_core.errors import CheckpointError


class Command(BaseCommand):
    """Another model without a restart."""

    help = "List models, verify one, or have all running servers answer by it; connections stay open."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do."""
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        actions.add_parser(
            "list",
            help="show all models that can be named",
            description="Show the checkpoints beside that of STARCAST_CHECKPOINT and in the data folder.",
        )
        check = actions.add_parser(
            "verify",
            help="load a model and compare its golden answers",
            description="Load a model, its files by their digests, and compare its golden answers. Changes nothing.",
        )
        check.add_argument("name", metavar="NAME", help="as `list` shows it, or the path of a folder")
        use = actions.add_parser(
            "use",
            help="have all servers answer by a model",
            description="Verify a model, then have all running servers take it up, and those that start later. "
            "Connections stay open. To go back, use the model before.",
        )
        which = use.add_mutually_exclusive_group(required=True)
        which.add_argument("name", nargs="?", metavar="NAME", help="as `list` shows it")
        which.add_argument("--default", action="store_true", help="that of STARCAST_CHECKPOINT again")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it."""
        try:
            match action:
                case "list":
                    self._list()
                case "verify":
                    self._verify(options["name"])
                case _:
                    self._use("" if options["default"] else options["name"])
        except CheckpointError as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        choice = newest_choice()
        chosen = find_checkpoint(choice.name if choice is not None else "")
        self.stdout.write(f"  {'NAME':<32}{'VERSION':<18}STATE")
        for name, folder in checkpoint_folders().items():
            try:
                version = read_config(folder)[0].version
                state = "" if (folder / GOLDEN_FILE).exists() else "has no golden answers, cannot be switched to"
            except CheckpointError as error:
                version, state = "-", str(error)
            mark = "*" if folder == chosen else " "
            self.stdout.write(f"{mark} {name:<32}{version:<18}{state}".rstrip())
        self.stdout.write("* answers" + (f", chosen {choice.chosen:%Y-%m-%d %H:%M}" if choice is not None else ""))

    def _verify(self, name: str) -> Serving:
        if settings.STARCAST_BACKEND == "fake":
            raise CommandError("the fake backend has no models: set STARCAST_BACKEND")
        serving = verify(Path(name) if "/" in name else find_checkpoint(name))
        info = serving.classifier.info
        self.stdout.write(
            f"{info.name} {info.version} ({info.backend}) is sound: "
            f"its golden answers differ by {serving.golden_difference:.6f} at most"
        )
        return serving

    def _use(self, name: str) -> None:
        before = newest_choice()
        if "/" in name:
            raise CommandError("name a checkpoint that `model list` shows, so that every server can find it")
        serving = self._verify(name)
        ModelChoice.objects.create(name=name, digest=serving.digest if name else "")
        back = before.name if before is not None else ""
        self.stdout.write("All servers answer by it within seconds.")
        self.stdout.write(f"To go back: manage.py model use {back or '--default'}")

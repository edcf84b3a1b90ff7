"""``manage.py model``: see which models there are, judge one, and have all servers answer by it."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.models import ModelChoice
from live.serving.model_choice import checkpoint_folders, find_checkpoint, newest_choice, verify
from live.serving.process_engine import Serving, load
from model_core.checkpoint import CONFIG_FILE, GOLDEN_FILE, read_config, sha256_of
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
        if settings.STARCAST_BACKEND == "fake":
            raise CommandError("the fake backend has no models: set STARCAST_BACKEND")
        try:
            match action:
                case "list":
                    self._list()
                case "verify":
                    name = options["name"]
                    self._judge(verify(Path(name) if "/" in name else find_checkpoint(name)))
                case _:
                    self._use("" if options["default"] else options["name"])
        except CheckpointError as error:
            raise CommandError(str(error)) from error

    def _list(self) -> None:
        choice = newest_choice()
        folders = checkpoint_folders()
        chosen = folders.get(choice.name) if choice and choice.name else Path(settings.STARCAST_CHECKPOINT)
        self.stdout.write(f"  {'NAME':<32}{'VERSION':<18}STATE")
        for name, folder in folders.items():
            version, state = _described(folder, choice.digest if choice and folder == chosen else "")
            mark = "*" if folder == chosen else " "
            self.stdout.write(f"{mark} {name:<32}{version:<18}{state}".rstrip())
        if choice is None:
            self.stdout.write("* is that of STARCAST_CHECKPOINT: nothing else was chosen")
        else:
            where = "*" if chosen is not None else "not here: servers go on with the model they have"
            self.stdout.write(f"chosen {choice.chosen:%Y-%m-%d %H:%M}: {choice} ({where})")

    def _judge(self, serving: Serving) -> None:
        info, difference = serving.classifier.info, serving.golden_difference
        golden = "" if difference is None else f": its golden answers differ by {difference:.6f} at most"
        self.stdout.write(f"{info.name} {info.version} ({info.backend}) is sound{golden}")

    def _use(self, name: str) -> None:
        before = newest_choice()
        if "/" in name:
            raise CommandError("name a checkpoint that `model list` shows, so that every server can find it")
        # Servers take that of the settings as they do at start: it may be one without digests and golden answers.
        serving = verify(find_checkpoint(name)) if name else load(find_checkpoint(""))
        self._judge(serving)
        ModelChoice.objects.create(name=name, digest=serving.digest if name else "")
        back = before.name if before is not None else ""
        self.stdout.write("All servers answer by it within seconds.")
        self.stdout.write(f"To go back: manage.py model use {back or '--default'}")


def _described(folder: Path, digest: str) -> tuple[str, str]:
    """Its version, and what keeps servers from taking it; ``digest`` is what was chosen under its name."""
    try:
        version = read_config(folder)[0].version
    except CheckpointError as error:
        return "-", str(error)
    if digest and sha256_of(folder / CONFIG_FILE) != digest:
        return version, "is not what was chosen under this name: use it again"
    return version, "" if (folder / GOLDEN_FILE).exists() else "has no golden answers, cannot be switched to"

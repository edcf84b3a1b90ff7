"""``manage.py model``: list models, verify one, and switch all running servers to it."""

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
    """Switch models without a restart."""

    help = "List models, verify one, or switch all running servers to it. Connections stay open."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the actions ``list``, ``verify`` and ``use``."""
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        actions.add_parser(
            "list",
            help="list all models",
            description="List the checkpoints next to STARCAST_CHECKPOINT and in the data folder.",
        )
        check = actions.add_parser(
            "verify",
            help="check a model without using it",
            description="Load a model, check the digests of its files and its golden answers. Changes nothing.",
        )
        check.add_argument("name", metavar="NAME", help="name as shown by `list`, or the path of a folder")
        use = actions.add_parser(
            "use",
            help="switch all servers to a model",
            description="Verify a model, then switch all running and future servers to it. "
            "Connections stay open. To go back, use the previous model.",
        )
        which = use.add_mutually_exclusive_group(required=True)
        which.add_argument("name", nargs="?", metavar="NAME", help="name as shown by `list`")
        which.add_argument("--default", action="store_true", help="go back to STARCAST_CHECKPOINT")
        use.add_argument("--force", action="store_true", help="use it although its config.json has a warning")

    def handle(self, *, action: str, **options: Any) -> None:
        """Run one action. Raises CommandError if a model is missing or broken."""
        if settings.STARCAST_BACKEND == "fake":
            raise CommandError("the fake backend has no models: set STARCAST_BACKEND to onnx")
        try:
            match action:
                case "list":
                    self._list()
                case "verify":
                    name = options["name"]
                    self._judge(verify(Path(name) if "/" in name else find_checkpoint(name)))
                case _:
                    self._use("" if options["default"] else options["name"], is_forced=options["force"])
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
            self.stdout.write("* is STARCAST_CHECKPOINT: no other model was chosen")
        else:
            where = "*" if chosen is not None else "not on this machine: servers keep their model"
            self.stdout.write(f"chosen {choice.chosen:%Y-%m-%d %H:%M}: {choice} ({where})")

    def _judge(self, serving: Serving) -> None:
        difference = serving.golden_difference
        golden = "" if difference is None else f": golden answers differ by at most {difference:.6f}"
        self.stdout.write(f"{serving.title} is valid for {serving.classifier.info.backend}{golden}")

    def _use(self, name: str, *, is_forced: bool) -> None:
        before = newest_choice()
        if "/" in name:
            raise CommandError("give a name from `model list`, so that every server can find the model")
        if (warning := read_config(find_checkpoint(name))[0].warning) and name:
            if not is_forced:
                raise CommandError(f"{name} has a warning: {warning}; use it all the same with --force")
            self.stdout.write(f"Warning: {warning}")
        # STARCAST_CHECKPOINT is loaded as at start: it may have no digests and no golden answers.
        serving = verify(find_checkpoint(name)) if name else load(find_checkpoint(""))
        self._judge(serving)
        ModelChoice.objects.create(name=name, digest=serving.digest if name else "")
        back = before.name if before is not None else ""
        self.stdout.write("All servers will use it within seconds.")
        self.stdout.write(f"To go back: manage.py model use {back or '--default'}")


def _described(folder: Path, digest: str) -> tuple[str, str]:
    """Return its version and why servers cannot use it, or "". ``digest`` is what was chosen under its name."""
    try:
        config, _ = read_config(folder)
    except CheckpointError as error:
        return "-", str(error)
    version = config.version
    if digest and sha256_of(folder / CONFIG_FILE) != digest:
        return version, "has changed since it was chosen: run `model use` again"
    if not (folder / GOLDEN_FILE).exists():
        return version, "has no golden answers, so it cannot be used"
    return version, f"needs --force: {config.warning}" if config.warning else ""

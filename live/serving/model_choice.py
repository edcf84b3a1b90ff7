"""The checkpoint to serve: STARCAST_CHECKPOINT, unless ``manage.py model use`` chose another."""

import logging
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError

from live.models import ModelChoice
from live.serving.process_engine import Serving, load
from model_core.checkpoint import CONFIG_FILE, read_config, sha256_of, verify_file
from model_core.errors import CheckpointError
from model_core.golden import read_golden

logger = logging.getLogger(__name__)


def checkpoint_folders() -> dict[str, Path]:
    """Return all checkpoints by name: those next to STARCAST_CHECKPOINT, and in ``checkpoints`` of the data folder."""
    parents = (settings.STARCAST_CHECKPOINT.parent, settings.DATA_DIR / "checkpoints")
    found = [config.parent for parent in parents for config in sorted(parent.glob(f"*/{CONFIG_FILE}"))]
    return {folder.name: folder for folder in found}


def find_checkpoint(name: str) -> Path:
    """Return the folder of a name; "" is STARCAST_CHECKPOINT. Raises CheckpointError."""
    if not name:
        return Path(settings.STARCAST_CHECKPOINT)
    folders = checkpoint_folders()
    if name not in folders:
        raise CheckpointError(
            f"there is no checkpoint {name}, neither next to STARCAST_CHECKPOINT nor in {settings.DATA_DIR}/checkpoints"
        )
    return folders[name]


def verify(folder: Path) -> Serving:
    """Load and verify a checkpoint before a switch. Raises CheckpointError."""
    config, _ = read_config(folder)
    read_golden(folder)
    if not config.sha256:
        raise CheckpointError(f"{folder / CONFIG_FILE} has no digests: create them with python -m training.export")
    for name in config.sha256:
        # Loading checks the files of the backend. Others may be missing, as in the image.
        if (folder / name).exists():
            verify_file(folder, name, config)
    return load(folder)


def newest_choice() -> ModelChoice | None:
    """Return the newest choice, or None. Raises django.db.Error."""
    return ModelChoice.objects.first()


def load_choice(choice: ModelChoice) -> Serving:
    """Load the chosen checkpoint. Raises CheckpointError if it is missing, differs, or fails verification."""
    folder = find_checkpoint(choice.name)
    if not choice.name:
        return load(folder)
    if (folder / CONFIG_FILE).is_file() and sha256_of(folder / CONFIG_FILE) != choice.digest:
        raise CheckpointError(f"{folder} is not the checkpoint that was chosen: copy the chosen one here")
    return verify(folder)


def load_at_start() -> Serving:
    """Load the chosen checkpoint, or STARCAST_CHECKPOINT if that fails. Raises CheckpointError if both fail."""
    if settings.STARCAST_BACKEND != "fake":
        try:
            choice = newest_choice()
            if choice is not None:
                return load_choice(choice)
        except DatabaseError as error:
            logger.warning("cannot read which model was chosen, using STARCAST_CHECKPOINT: %s", error)
        except CheckpointError as error:
            logger.error("cannot load the chosen model, using STARCAST_CHECKPOINT: %s", error)
    return load(settings.STARCAST_CHECKPOINT)

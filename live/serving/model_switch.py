"""Switches to the model that ``manage.py model use`` chose, while connections stay open."""

import asyncio
import logging
from typing import Final

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError

from live.models import ModelChoice
from live.monitoring.metrics import MODEL_SWITCHES
from live.serving.model_choice import find_checkpoint, load_choice, newest_choice
from live.serving.process_engine import get_serving, switch_to
from model_core.errors import CheckpointError

logger = logging.getLogger(__name__)

_POLL_S: Final = 2.0
"""Seconds between two looks into the database, where all servers find the choice."""


class ModelWatch:
    """Looks for a new choice, loads and verifies it next to the current model, and then switches."""

    def __init__(self) -> None:
        self._decided: int | None = None
        """Primary key of the choice that was taken or refused last."""
        self._failure: type[Exception] | None = None
        """Why the last look failed. The same failure is logged only once in a row."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - the next look may succeed
                if type(error) is not self._failure:
                    self._failure = type(error)
                    _log_failure(error)
            else:
                self._failure = None
            await asyncio.sleep(_POLL_S)

    async def look(self) -> None:
        """Switch if another model was chosen since the last look. One that cannot be loaded is refused in the log."""
        choice: ModelChoice | None = await database_sync_to_async(newest_choice)()
        if choice is None or choice.pk == self._decided:
            return
        try:
            if _answers(choice):
                self._decided = choice.pk
                return
            # Takes some seconds, so it runs in a thread of its own.
            serving = await asyncio.to_thread(load_choice, choice)
        except (CheckpointError, MemoryError) as error:
            self._decided = choice.pk
            MODEL_SWITCHES["refused"].inc()
            logger.error("the chosen model is refused, the current one stays: %s", error or type(error).__name__)
            return
        await switch_to(serving)
        self._decided = choice.pk
        MODEL_SWITCHES["taken"].inc()
        logger.warning("the model is %s from now on", serving.title)


def _log_failure(error: Exception) -> None:
    if isinstance(error, DatabaseError):
        logger.warning("cannot read which model is chosen, will try again: %s", error)
    else:
        logger.error("looking for another model failed, will try again", exc_info=error)


def _answers(choice: ModelChoice) -> bool:
    """Whether the chosen model is the current one."""
    serving = get_serving()
    return serving.folder == find_checkpoint(choice.name) and choice.digest in ("", serving.digest)

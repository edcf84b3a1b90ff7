"""Takes up the model that ``manage.py model use`` names, while connections stay open."""

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
"""The database is what all servers see."""


class ModelWatch:
    """Looks for a new choice, loads it beside the model that answers, and switches once it has proved itself."""

    def __init__(self) -> None:
        self._decided: int | None = None
        """The choice that was taken or refused last."""
        self._failure: type[Exception] | None = None
        """Why the last look failed; it is said once, however often it is so."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next look may succeed
                if type(error) is not self._failure:
                    self._failure = type(error)
                    _log_failure(error)
            else:
                self._failure = None
            await asyncio.sleep(_POLL_S)

    async def look(self) -> None:
        """Switch, if another model was chosen since the last look. One that cannot be had is refused in one line."""
        choice: ModelChoice | None = await database_sync_to_async(newest_choice)()
        if choice is None or choice.pk == self._decided:
            return
        try:
            if _answers(choice):
                self._decided = choice.pk
                return
            # Some seconds of work, in a thread that nobody waits for.
            serving = await asyncio.to_thread(load_choice, choice)
        except (CheckpointError, MemoryError) as error:
            self._decided = choice.pk
            MODEL_SWITCHES["refused"].inc()
            logger.error("the model chosen is refused, the one before goes on: %s", error or type(error).__name__)
            return
        await switch_to(serving)
        self._decided = choice.pk
        MODEL_SWITCHES["taken"].inc()
        info = serving.classifier.info
        logger.warning("the model is %s %s from now on", info.name, info.version)


def _log_failure(error: Exception) -> None:
    if isinstance(error, DatabaseError):
        logger.warning("cannot read which model is chosen, will try again: %s", error)
    else:
        logger.error("looking for another model failed, will try again", exc_info=error)


def _answers(choice: ModelChoice) -> bool:
    """Whether what was chosen answers already."""
    serving = get_serving()
    return serving.folder == find_checkpoint(choice.name) and choice.digest in ("", serving.digest)

"""Whether the model answers, found out by a real forward pass: one at a time, however many ask.

A model that has too much to do is alive. To take its server away would leave the others with more still.
"""

import asyncio
import itertools
import time
from contextvars import Context
from typing import Final
from weakref import WeakKeyDictionary

from django.conf import settings

from model_core.engine import Engine
from model_core.errors import EngineError, Overloaded
from model_core.options import EngineOptions
from model_core.tasks import spawn
from model_core.ticket import Answer

_FRESH_S: Final = 1.0
"""For so long an answer stands, so that whoever asks in a loop costs one pass a second."""

_numbers: Final = itertools.count(1)


class _Probe:
    """One forward pass, whose outcome all who ask meanwhile share."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ended: float | None = None
        # In a context of its own: the records of that of a request are the request's.
        self.outcome = spawn(self._run(), context=Context())

    @property
    def is_fresh(self) -> bool:
        return self._ended is None or time.monotonic() - self._ended < _FRESH_S

    async def _run(self) -> Answer | EngineError | None:
        since = time.perf_counter()
        try:
            # Another text each time: the model remembers the answers of the latest, and would not be asked.
            return await self._engine.classify(f"Film {next(_numbers)}.")
        except EngineError as error:
            return None if _is_busy(error, self._engine.busy_s, time.perf_counter() - since) else error
        finally:
            self._ended = time.monotonic()
            del self._engine


_probes: WeakKeyDictionary[Engine, _Probe] = WeakKeyDictionary()


async def probe(engine: Engine) -> Answer | None:
    """The model's answer to a short text, at most a second old; None where it is busy with others' texts.

    Raises EngineError where the model does not answer, by the engine's deadline.
    """
    latest = _probes.get(engine)
    if latest is None or not latest.is_fresh:
        latest = _probes[engine] = _Probe(engine)
    # Whoever gives up leaves the others their answer.
    outcome = await asyncio.shield(latest.outcome)
    if isinstance(outcome, EngineError):
        raise outcome
    return outcome


def _is_busy(error: EngineError, busy_s: float, waited_s: float) -> bool:
    """Whether this is for want of time alone, while the model takes one batch after another."""
    if isinstance(error, Overloaded):
        return busy_s < EngineOptions(**settings.STARCAST_ENGINE).deadline_ms / 1000
    # Its time was up, and another batch was begun long after it had come: it is not what the model hangs on.
    return isinstance(error.__cause__, TimeoutError) and busy_s < waited_s / 2

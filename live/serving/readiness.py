"""Checks that the model answers, by a real forward pass. Concurrent checks share one pass.

An overloaded model is ready all the same: removing its server would put more load on the others.
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
"""Seconds for which an answer is reused: at most one pass per second, however often it is asked for."""

_numbers: Final = itertools.count(1)


class _Probe:
    """One forward pass. Its outcome is shared by all callers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ended: float | None = None
        # In a context of its own, since its log records do not belong to the request that starts it.
        self.outcome = spawn(self._run(), context=Context())

    @property
    def is_fresh(self) -> bool:
        return self._ended is None or time.monotonic() - self._ended < _FRESH_S

    async def _run(self) -> Answer | EngineError | None:
        since = time.perf_counter()
        try:
            # A new text each time: a repeated one would be answered from memory, without a pass.
            return await self._engine.classify(f"Film {next(_numbers)}.")
        except EngineError as error:
            return None if _is_busy(error, self._engine.busy_s, time.perf_counter() - since) else error
        finally:
            self._ended = time.monotonic()
            del self._engine


_probes: WeakKeyDictionary[Engine, _Probe] = WeakKeyDictionary()


async def probe(engine: Engine) -> Answer | None:
    """Return the model's answer to a short text, at most a second old; None if the model is busy with other texts.

    Raises EngineError if the model does not answer before the engine's deadline.
    """
    latest = _probes.get(engine)
    if latest is None or not latest.is_fresh:
        latest = _probes[engine] = _Probe(engine)
    # Shielded: a caller that is cancelled must not cancel the pass for the others.
    outcome = await asyncio.shield(latest.outcome)
    if isinstance(outcome, EngineError):
        raise outcome
    return outcome


def _is_busy(error: EngineError, busy_s: float, waited_s: float) -> bool:
    """Whether the error only means too much load: the model still takes one batch after another."""
    if isinstance(error, Overloaded):
        return busy_s < EngineOptions(**settings.STARCAST_ENGINE).deadline_ms / 1000
    # The probe timed out, but the current batch began long after it came: the model is not stuck.
    return isinstance(error.__cause__, TimeoutError) and busy_s < waited_s / 2

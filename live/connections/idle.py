"""Finds clients that have sent nothing for too long."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from model_core.tasks import spawn


class IdleTimer:
    """Calls ``on_idle`` once ``heard`` was not called for ``timeout_s`` and ``is_busy()`` is False. 0 means never."""

    def __init__(
        self, timeout_s: float, is_busy: Callable[[], bool], on_idle: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._timeout_s = timeout_s
        self._is_busy = is_busy
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        # The timer is set again only when it fires: setting it at every message would cost more than the message.
        self._timer = self._loop.call_later(timeout_s, self._look) if timeout_s else None

    def heard(self) -> None:
        """Note a sign of life."""
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        """Never call ``on_idle`` from now on."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        if self._is_busy():
            self.heard()
        left_s = self._heard_at + self._timeout_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(left_s, self._look)
        else:
            spawn(self._on_idle())

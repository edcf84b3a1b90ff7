"""Ends a process whose event loop stands still: it would answer nobody, not even the signal to stop."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

_TICKS: Final = 30
_LOG_WITHIN_S: Final = 2.0


class Watchdog:
    """A thread that asks the loop for a sign of life, and gives up after ``stalled_s``.

    It counts its own ticks rather than the clock: a process that was stopped for an hour, such as on a machine that
    slept, has missed none when it goes on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, stalled_s: float, end: Callable[[], None]) -> None:
        self._loop = loop
        self._stalled_s = stalled_s
        self._end = end
        self._alive = threading.Event()
        self._stopped = threading.Event()
        # A daemon: nothing waits for it at exit.
        self._thread = threading.Thread(target=self._watch, name="starcast-watchdog", daemon=True)

    def start(self) -> None:
        """Watch from now on."""
        self._ask()
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._stopped.set()

    def _ask(self) -> None:
        self._alive.clear()
        self._loop.call_soon_threadsafe(self._alive.set)

    def _watch(self) -> None:
        missed = 0
        while not self._stopped.wait(self._stalled_s / _TICKS):
            if self._alive.is_set():
                missed = 0
                self._ask()
                continue
            missed += 1
            if missed >= _TICKS:
                self._give_up()
                return

    def _give_up(self) -> None:
        # In a thread of its own: the loop may stand still in a log that nobody reads, and hold what writing one takes.
        words = "the event loop has stood still for %g seconds: exiting"
        log = threading.Thread(target=logger.critical, args=(words, self._stalled_s), daemon=True)
        log.start()
        log.join(_LOG_WITHIN_S)
        self._end()


def exit_at_once() -> None:
    """End the process without its clean-up, which what stands still would hold up; the status asks for a restart."""
    os._exit(1)

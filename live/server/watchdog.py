"""Kills a process whose event loop is blocked: it could not even handle SIGTERM."""

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
    """A thread that pings the event loop and calls ``on_stalled`` after ``stalled_s`` without a reply.

    It counts its own ticks instead of reading the clock, so a suspended machine does not count as blocked.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, stalled_s: float, end: Callable[[], None]) -> None:
        self._loop = loop
        self._stalled_s = stalled_s
        self._end = end
        self._alive = threading.Event()
        self._stopped = threading.Event()
        # Daemon: do not wait for it at exit.
        self._thread = threading.Thread(target=self._watch, name="starcast-watchdog", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._ask()
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
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
        # In a separate thread: the loop may be blocked in a log write while holding the logging lock.
        words = "the event loop has stood still for %g seconds: exiting"
        log = threading.Thread(target=logger.critical, args=(words, self._stalled_s), daemon=True)
        log.start()
        log.join(_LOG_WITHIN_S)
        self._end()


def exit_at_once() -> None:
    """Exit without clean-up, which could block too. The exit status asks for a restart."""
    os._exit(1)

"""Starts requests and handshakes one by one, so that many at once do not hold up the keys of others."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final

logger = logging.getLogger(__name__)

TURNS_APART: Final = 10
"""Turns of the event loop from one start to the next. About as many steps has a request, which wait for each other."""


class StartTurns:
    """Calls what it is given one by one, some turns of the event loop apart. Addresses take turns.

    A turn of the loop ends only when all that it found ready is done: the answer to a key waits for as many turns as it
    takes steps, each as long as the steps of all requests under way. So few are under way at once. This delays nothing
    while the loop has nothing else to do, since its turns take microseconds then.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[Callable[[], object]]] = {}
        """What waits, by address. The first address is next."""
        self._turns_left = 0
        """Until the next start; 0 if none is due."""
        self._is_over = False

    def enter(self, address: str, start: Callable[[], object]) -> None:
        """Call ``start`` when its turn has come."""
        self._lines.setdefault(address, deque()).append(start)
        if self._is_over:
            self._start_next()
        elif not self._turns_left:
            self._wait(1)

    def end(self) -> None:
        """Start all that waits, and from now on each at once: a server that stops would lose what waits."""
        self._is_over = True
        while self._lines:
            self._start_next()

    def _wait(self, turns: int) -> None:
        self._turns_left = turns
        asyncio.get_running_loop().call_soon(self._on_turn)

    def _on_turn(self) -> None:
        if self._turns_left > 1:
            self._wait(self._turns_left - 1)
        elif self._lines:
            self._wait(TURNS_APART)
            self._start_next()
        else:
            self._turns_left = 0

    def _start_next(self) -> None:
        address = next(iter(self._lines))
        line = self._lines.pop(address)
        start = line.popleft()
        if line:
            self._lines[address] = line
        try:
            start()
        except Exception:
            # The others are started all the same.
            logger.exception("a request could not be started")

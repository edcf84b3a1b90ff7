"""Starts requests and handshakes one by one, so that many at once do not hold up the keys of others."""

import asyncio
from collections import deque
from collections.abc import Callable


class StartTurns:
    """Calls what it is given, one for each turn of the event loop. Addresses take turns.

    A turn of the loop ends only when all that it found ready is done: the answer to a key waits for as many turns as it
    takes steps, however many clients connect at once.
    """

    def __init__(self) -> None:
        self._lines: dict[str, deque[Callable[[], object]]] = {}
        """What waits, by address. The first address is next."""

    def enter(self, address: str, start: Callable[[], object]) -> None:
        """Call ``start`` when its turn has come."""
        if not self._lines:
            self._in_next_turn()
        self._lines.setdefault(address, deque()).append(start)

    def _in_next_turn(self) -> None:
        asyncio.get_running_loop().call_soon(self._start_next)

    def _start_next(self) -> None:
        address = next(iter(self._lines))
        line = self._lines.pop(address)
        start = line.popleft()
        if line:
            self._lines[address] = line
        if self._lines:
            self._in_next_turn()
        start()

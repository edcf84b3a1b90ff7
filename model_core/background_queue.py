"""A bound on work by its weight, first come, first served."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Gate:
    """Lets in as much as weighs ``capacity`` together; the rest waits in line. Belongs to one event loop.

    Like a semaphore, but one thing may take many places; what weighs more than all of them takes them all.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def through(self, weight: int) -> AsyncIterator[None]:
        """Wait for room, and take it for as long as the context lasts."""
        weight = min(weight, self._capacity)
        await self._enter(weight)
        try:
            yield
        finally:
            self._leave(weight)

    async def _enter(self, weight: int) -> None:
        if not self._line and weight <= self._free:
            self._free -= weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._free += weight  # Let in and cancelled at once.
            elif (weight, turn) in self._line:
                self._line.remove((weight, turn))
            self._let_in()  # Somebody smaller may have stood behind.
            raise

    def _leave(self, weight: int) -> None:
        self._free += weight
        self._let_in()

    def _let_in(self) -> None:
        while self._line and self._line[0][0] <= self._free:
            weight, turn = self._line.popleft()
            if not turn.done():
                self._free -= weight
                turn.set_result(None)

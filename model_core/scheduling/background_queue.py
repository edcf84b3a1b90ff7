"""A weighted first-in, first-out limit on background work."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Gate:
    """A semaphore with weights: runs work of at most ``capacity`` in total. Belongs to one event loop.

    Work heavier than ``capacity`` runs alone.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def through(self, weight: int) -> AsyncIterator[None]:
        """Wait for room, and hold it for the duration of the context."""
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
                self._free += weight  # Admitted and cancelled at the same time.
            elif (weight, turn) in self._line:
                self._line.remove((weight, turn))
            self._let_in()  # Lighter work may have been waiting behind this.
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

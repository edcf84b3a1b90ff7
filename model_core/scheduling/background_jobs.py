"""Explanations and bulk requests: a few at a time, in turns, and the rest refused with a time to come back."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from model_core.errors import Overloaded

AT_ONCE: Final = 2
"""Jobs that run at once, of different groups."""
MOST_WAITING: Final = 8
"""Jobs of one group that wait. One more is refused."""
_LATEST_SHARE: Final = 0.2
"""Weight of the latest job in the measured time of a job."""


class BackgroundJobs:
    """Lets groups take turns with their jobs, one each. Belongs to one event loop."""

    def __init__(self) -> None:
        self._running: set[str] = set()
        self._lines: dict[str, deque[asyncio.Future[None]]] = {}
        """Waiting jobs of each group. The first group is next."""
        self._job_s = 1.0

    @contextlib.asynccontextmanager
    async def turn(self, group: str) -> AsyncIterator[None]:
        """Wait for the group's turn, and hold it for the duration of the context.

        Raises Overloaded at once if too many jobs of the group wait.
        """
        await self._enter(group)
        loop = asyncio.get_running_loop()
        since = loop.time()
        try:
            yield
        finally:
            self._job_s += _LATEST_SHARE * (loop.time() - since - self._job_s)
            self._leave(group)

    async def _enter(self, group: str) -> None:
        if group not in self._running and len(self._running) < AT_ONCE:
            self._running.add(group)
            return
        line = self._lines.get(group, deque())
        if len(line) >= MOST_WAITING:
            raise Overloaded("too many explanations or bulk requests are waiting", self._job_s * len(line))
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        self._lines[group] = line
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                line.remove(turn)
            else:
                self._leave(group)  # Admitted and cancelled at the same time.
            raise

    def _leave(self, group: str) -> None:
        self._running.discard(group)
        for next_group in [name for name in self._lines if name not in self._running]:
            if len(self._running) == AT_ONCE:
                return
            line = self._lines.pop(next_group)
            turn = next((turn for turn in line if not turn.done()), None)
            if turn is None:
                continue
            line.remove(turn)
            turn.set_result(None)
            self._running.add(next_group)
            if line:
                self._lines[next_group] = line

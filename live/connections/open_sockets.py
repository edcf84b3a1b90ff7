"""The open sockets of this process, so that all of them hear when the server stops."""

import asyncio
import logging
from typing import Final, Protocol

from live.messages.server import SessionClosing
from live.monitoring.metrics import open_connections

logger = logging.getLogger(__name__)

RETRY_AFTER_MS: Final = 500
"""A server that is started anew by a supervisor is most likely back by then; clients add a random time of their own."""


class LiveSocket(Protocol):
    """One connection that was greeted."""

    async def leave(self, closing: SessionClosing, within_s: float) -> None:
        """Announce the end, answer what was taken within a time, and close."""
        ...


class LiveSockets:
    """Knows who is connected."""

    def __init__(self) -> None:
        self._sockets: set[LiveSocket] = set()
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: LiveSocket) -> None:
        """Count a socket in."""
        self._sockets.add(socket)

    def discard(self, socket: LiveSocket) -> None:
        """Count a socket out, if it was in."""
        self._sockets.discard(socket)

    async def drain(self, within_s: float) -> None:
        """Close all sockets, each once its newest text is answered. Whoever comes from now on should be refused."""
        self.is_draining = True
        closing = SessionClosing(retry_after_ms=RETRY_AFTER_MS)
        leaving = (socket.leave(closing, within_s) for socket in self._sockets)
        # One that fails must not have the server end before the others are answered.
        for outcome in await asyncio.gather(*leaving, return_exceptions=True):
            if isinstance(outcome, Exception):
                logger.error("a connection could not be closed", exc_info=outcome)


live_sockets = LiveSockets()
"""Those of this process."""
open_connections.set_function(lambda: len(live_sockets))

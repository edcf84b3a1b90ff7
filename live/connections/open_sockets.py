"""The open WebSockets of this process, to close all of them when the server stops."""

from typing import Final, Protocol

from live.messages.server import SessionClosing
from live.monitoring.metrics import open_connections
from model_core.tasks import settle

RETRY_AFTER_MS: Final = 500
"""A server restarted by its supervisor is usually back after this time. Clients add a random time."""


class LiveSocket(Protocol):
    """One connection that was greeted."""

    async def leave(self, closing: SessionClosing, within_s: float) -> None:
        """Announce the close, answer the accepted texts within this time, and close."""
        ...


class LiveSockets:
    """The greeted connections."""

    def __init__(self) -> None:
        self._sockets: set[LiveSocket] = set()
        self.is_draining = False

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, socket: LiveSocket) -> None:
        """Add a socket."""
        self._sockets.add(socket)

    def discard(self, socket: LiveSocket) -> None:
        """Remove a socket, if it is there."""
        self._sockets.discard(socket)

    async def drain(self, within_s: float) -> None:
        """Close every socket once its newest text is answered. New connections must be refused from now on."""
        self.is_draining = True
        closing = SessionClosing(retry_after_ms=RETRY_AFTER_MS)
        leaving = [socket.leave(closing, within_s) for socket in self._sockets]
        await settle(leaving, "a connection could not be closed")


live_sockets = LiveSockets()
"""The open WebSockets of this process."""
open_connections.set_function(lambda: len(live_sockets))

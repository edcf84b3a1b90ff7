"""The socket of one who watches: shown the newest state, and heard in nothing but pings."""

import asyncio
import math
import time
from contextvars import Context

from live.connections.consumer import AdmittedConsumer
from live.messages.client import Close, Ping, parse_watcher_message
from live.messages.errors import CLOSE_ASKED_FOR, CLOSE_ROOM_ENDED
from live.messages.protocol import ProtocolError, beyond_rate
from live.messages.rooms import RoomClosed, RoomEnd
from live.messages.server import Pong
from live.watching.audience import Audience, audiences

WRITABLE = "starcast.writable"
"""Extension of the scope: an event that is set while the client reads what it is sent."""


class WatchConsumer(AdmittedConsumer):
    """One who watches."""

    _audience: Audience | None = None
    _showing: asyncio.Task[None] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._frame: str | None = None
        self._news = asyncio.Event()
        self._shown_at = -math.inf

    @property
    def is_busy(self) -> bool:
        """Whether there was something to see of late: who watches has nothing to say then."""
        return time.monotonic() - self._shown_at < self.limits.idle_timeout_s

    async def greeted(self) -> None:
        """Begin to watch, or say why not."""
        room_id = self.scope["url_route"]["kwargs"]["room_id"]
        self._showing = asyncio.get_running_loop().create_task(self._keep_showing(), context=Context())
        try:
            self._audience = audiences.enter(room_id, self, self.limits)
        except ProtocolError as error:
            await self.refuse(error)

    async def take(self, frame: str | None) -> None:
        """Take one frame: a ping or a close."""
        wait_s = self.spend()
        if frame is None:
            raise ProtocolError("binary_not_supported", "send JSON in text frames")
        message = parse_watcher_message(frame, self.limits)
        self.understood()
        if wait_s:
            raise beyond_rate("too many messages; slow down", wait_s)
        match message:
            case Ping(id=ping_id):
                await self.send(Pong(id=ping_id).encode())
            case Close():
                await self.close(CLOSE_ASKED_FOR)

    def show(self, frame: str) -> None:
        """Show a state as soon as the client has read those before."""
        self._frame = frame
        self._news.set()

    async def room_ended(self, reason: RoomEnd | None) -> None:
        """Say that there is nothing to watch any more, and close."""
        if reason is None:
            await self.refuse(ProtocolError("room_not_found", "there is no such room"))
        else:
            await self.send(RoomClosed(reason=reason).encode())
            await self.close(CLOSE_ROOM_ENDED)

    async def end(self) -> None:
        """Watch no more."""
        await super().end()
        if self._audience is not None:
            self._audience.discard(self)
        if self._showing is not None:
            self._showing.cancel()

    async def _keep_showing(self) -> None:
        writable: asyncio.Event | None = self.scope.get("extensions", {}).get(WRITABLE)
        while True:
            await self._news.wait()
            if writable is not None:
                # A slow reader keeps nobody waiting, and gets the newest state once it has read.
                await writable.wait()
            self._news.clear()
            if self._frame is not None:
                self._shown_at = time.monotonic()
                await self.send(self._frame)

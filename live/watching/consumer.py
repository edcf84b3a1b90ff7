"""The watcher's WebSocket: it sends the newest state, and takes only ``ping`` and ``close``."""

import asyncio
import math
import time
from contextvars import Context

from live.connections.consumer import AdmittedConsumer
from live.messages.client import Close, Ping, parse_watcher_message
from live.messages.errors import CLOSE_ASKED_FOR, CLOSE_ROOM_ENDED
from live.messages.protocol import ProtocolError
from live.messages.rooms import RoomClosed, RoomEnd
from live.messages.server import Pong
from live.watching.audience import Audience, audiences
from model_core.tasks import spawn, stop

WRITABLE = "starcast.writable"
"""Extension of the scope: an event that is set while the send buffer has room."""


class WatchConsumer(AdmittedConsumer):
    """One watcher."""

    _audience: Audience | None = None
    _showing: asyncio.Task[None] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._frame: str | None = None
        self._news = asyncio.Event()
        self._shown_at = -math.inf

    async def connect(self) -> None:
        """Admit the client and start to watch, or refuse it."""
        if (engine := await self.admit()) is None:
            return
        await self.greet(engine, is_busy=self._has_seen_something)
        self._showing = spawn(self._keep_showing(), context=Context())
        try:
            self._audience = audiences.enter(self.scope["url_route"]["kwargs"]["room_id"], self, self.limits)
        except ProtocolError as error:
            await self.refuse(error)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Read a message, charge for it, and do what it says: a ping or a close."""
        if self.closed:
            return
        try:
            message, _ = self.take(text_data, parse_watcher_message)
            match message:
                case Ping(id=ping_id):
                    await self.tell(Pong(id=ping_id))
                case Close():
                    await self.close(CLOSE_ASKED_FOR)
        except ProtocolError as error:
            await self.answer_error(error)

    def show(self, frame: str) -> None:
        """Show a state as soon as the client has read the ones before."""
        self._frame = frame
        self._news.set()

    async def room_ended(self, reason: RoomEnd | None) -> None:
        """Say that the room has ended, and close."""
        if reason is None:
            await self.refuse(ProtocolError("room_not_found", "there is no such room"))
        else:
            await self.send(RoomClosed(reason=reason).encode())
            await self.close(CLOSE_ROOM_ENDED)

    async def end(self) -> None:
        """Stop watching."""
        await super().end()
        if self._audience is not None:
            self._audience.discard(self)
        await stop(self._showing)

    def _has_seen_something(self) -> bool:
        """Whether a state was shown recently. A watcher has no reason to send anything then."""
        return time.monotonic() - self._shown_at < self.limits.idle_timeout_s

    async def _keep_showing(self) -> None:
        writable: asyncio.Event | None = self.scope.get("extensions", {}).get(WRITABLE)
        while True:
            await self._news.wait()
            if writable is not None:
                # A slow reader delays no other watcher, and gets the newest state once it can read again.
                await writable.wait()
            self._news.clear()
            if self._frame is not None:
                self._shown_at = time.monotonic()
                await self.send(self._frame)

"""The base of all WebSocket consumers: accepts, admits or refuses, charges messages, and counts errors."""

import logging
import secrets
import time
from collections.abc import Callable
from typing import Any, TypeVar

from autobahn.exception import Disconnected
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer

from live.access.addresses import network_of
from live.access.admissions import Admission, admissions
from live.access.authentication import identify, without_keys
from live.access.keys import KnownKey
from live.access.prices import CONNECTION, MESSAGE, units_of_bytes
from live.access.revocation import key_watch
from live.access.token_buckets import TokenBucket
from live.access.tokens import lowered
from live.connections.idle import IdleTimer
from live.connections.open_sockets import RETRY_AFTER_MS, live_sockets
from live.limits import Limits, get_limits
from live.messages.client import TextUpdate
from live.messages.errors import CLOSE_GOING_AWAY, FOLLOWING_CLOSE
from live.messages.protocol import SUBPROTOCOL, ProtocolError, ServerMessage, beyond_rate, error_body
from live.messages.server import ErrorMessage, SessionClosing, session_created
from live.monitoring.logs import session_id
from live.monitoring.metrics import WEBSOCKET_ERRORS, sessions
from live.serving.process_engine import get_engine
from model_core.engine import Engine
from model_core.errors import CheckpointError
from model_core.ticket import Asker

logger = logging.getLogger(__name__)

MESSAGE_TAKEN = "starcast.message_taken"
"""Extension of the scope: a function to call for each message taken, so that the server reads on."""

_NO_LAYER = "none"

_Message = TypeVar("_Message")


class SocketConsumer(AsyncWebsocketConsumer):
    """Channels' consumer without channel layer and database: a keystroke must not depend on them."""

    channel_layer_alias = _NO_LAYER
    closed = False

    def __init__(self) -> None:
        super().__init__()
        self.session_id = secrets.token_urlsafe(9)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection until it ends. Log records of its task, and of tasks started from it, have its id."""
        session_id.set(self.session_id)
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            # Not left to Daphne, whose record would not name the session.
            logger.exception("a connection failed")
            await self.refuse(ProtocolError("internal", "something went wrong here"))

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler directly.

        Channels' own dispatch first hops through the thread that closes old database connections, where a slow
        query anywhere would hold every keystroke.
        """
        match message["type"]:
            case "websocket.receive":
                if (message_taken := self.scope.get("extensions", {}).get(MESSAGE_TAKEN)) is not None:
                    message_taken()
                await self.websocket_receive(message)
            case "websocket.connect":
                await self.connect()
            case "websocket.disconnect":
                raise StopConsumer

    async def send(self, text_data: str | None = None, bytes_data: bytes | None = None, close: bool = False) -> None:
        """Send one frame, unless the connection is closed by now."""
        if self.closed:
            return
        try:
            await super().send(text_data, bytes_data, close)
        except Disconnected:
            # The client has just disconnected, and Daphne has not reported it yet.
            self.closed = True

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close once. Later messages of the client are ignored."""
        if not self.closed:
            self.closed = True
            await super().close(code, reason)

    async def accept_offered(self) -> bool:
        """Accept, and echo our subprotocol if it is offered. Returns whether the client supports it."""
        offered = without_keys(self.scope["subprotocols"])
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        return SUBPROTOCOL in offered or not offered

    async def refuse(self, error: ProtocolError) -> None:
        """Send an error, then close: a browser can see neither a refused handshake nor the reason of a close."""
        # May be called by tasks that serve all connections, without the session in their context.
        logger.info("refused: %s", error.code, extra={"code": error.code, "session_id": self.session_id})
        await self.report(error)
        await self.close(FOLLOWING_CLOSE[error.code])

    async def report(self, error: ProtocolError) -> None:
        """Send one error."""
        await self.tell(ErrorMessage(error=error_body(error)))

    async def tell(self, message: ServerMessage) -> None:
        """Send one message, and count errors."""
        if isinstance(message, ErrorMessage):
            WEBSOCKET_ERRORS[message.error.code].inc()
        await self.send(message.encode())


class AdmittedConsumer(SocketConsumer):
    """A connection that is admitted, counted, greeted, and charged for its messages."""

    def __init__(self) -> None:
        super().__init__()
        self.limits = get_limits()
        self.key: KnownKey | None = None
        """The key with which the client came, if any."""
        self._admission: Admission | None = None
        self._idle: IdleTimer | None = None
        self._malformed = 0
        self._refusals = TokenBucket(self.limits.max_refused / 60, self.limits.max_refused)
        self._is_too_fast = False
        self._greeted_at: float | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection until it ends in any way, then clean up."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.end()

    @property
    def address(self) -> str:
        """The client's network address, by which limits count."""
        return network_of(self.scope["client"][0]) if self.scope.get("client") else ""

    async def admit(self) -> Engine | None:
        """Accept the connection, then admit or refuse the client. Returns its engine, or None if it was refused.

        The caller greets an admitted client.
        """
        speaks_our_version = await self.accept_offered()
        try:
            self.charge_connection()
            key = await identify(self.scope["headers"], self.scope["subprotocols"])
            if not speaks_our_version:
                raise ProtocolError("version_not_offered", f"this server speaks {SUBPROTOCOL}")
            self.count_in(key)
            self.key = key
            if key is not None:
                key_watch.add(key, self._on_key_revoked)
            if live_sockets.is_draining:
                await self.leave(SessionClosing(retry_after_ms=RETRY_AFTER_MS), within_s=0)
                return None
            return get_engine()
        except ProtocolError as error:
            await self.refuse(error)
        except CheckpointError as error:
            logger.error("no model: %s", error)
            await self.refuse(ProtocolError("model_unavailable", "no model is loaded"))
        return None

    def charge_connection(self) -> None:
        """Charge for the connection. Raises ProtocolError above the rate.

        This comes before the key is checked, so that guessing keys and reconnecting are limited too.
        """
        if wait_s := admissions.bill(self.address, self.limits).spend(CONNECTION):
            raise beyond_rate("too many connections in a short time; slow down", wait_s)

    def count_in(self, key: KnownKey | None = None) -> None:
        """Count as a connection of the address and the key until the end. Raises ProtocolError above the limits."""
        own = lowered(self.limits, key)
        self._admission = admissions.enter(self.address, self.limits, key.prefix if key is not None else None, own)
        self.limits = own
        if self._admission is None:
            raise ProtocolError("server_full", "too many connections; try again later")

    async def greet(self, engine: Engine, is_busy: Callable[[], bool]) -> None:
        """Send the greeting. From now on the client may be idle too long, except while it ``is_busy``."""
        self._idle = IdleTimer(self.limits.idle_timeout_s, is_busy, self._leave_idle)
        live_sockets.add(self)
        sessions.inc()
        self._greeted_at = time.monotonic()
        logger.info("connected")
        await self.tell(session_created(self.session_id, engine.info, self.limits))

    def take(
        self,
        frame: str | None,
        parse: Callable[[str | None, Limits], _Message],
        price: Callable[[_Message], int] = lambda _: 0,
    ) -> tuple[_Message, int]:
        """Parse a message, and charge for it and for the ``price`` of what it asks for, in units of work.

        Returns the message and that price. Raises ProtocolError if it is invalid, which costs too, or too much.
        """
        if self._idle is not None:
            self._idle.heard()
        try:
            message = parse(frame, self.limits)
        except ProtocolError:
            self._charge(frame)
            raise
        self._malformed = 0
        units = price(message)
        if wait_s := self._charge(frame, units):
            seq = message.seq if isinstance(message, TextUpdate) else None
            raise beyond_rate("too many messages; slow down", wait_s, seq)
        return message, units

    def _charge(self, frame: str | None, units: int = 0) -> float:
        """Charge for one message, and for ``units`` of what it asks for. None is a binary one."""
        wait_s = self.pay(MESSAGE + units_of_bytes(len((frame or "").encode())) + units)
        if wait_s and not self._refusals.take():
            self._is_too_fast = True
        return wait_s

    def pay(self, units: int) -> float:
        """Charge for units of work. Returns 0, or the seconds to wait."""
        return self._admission.spend(units) if self._admission is not None else 0.0

    def give_back(self, units: int) -> None:
        """Return what was paid for work that was refused."""
        if self._admission is not None:
            self._admission.give_back(units)

    @property
    def asker(self) -> Asker:
        """The connection as the engine knows it, once admitted."""
        return Asker(self._admission.group if self._admission is not None else "", self.pay)

    async def answer_error(self, error: ProtocolError) -> None:
        """Report an error in a message; close after too many."""
        await self.report(error)
        if error.malformed:
            self._malformed += 1
        if self._malformed >= self.limits.max_malformed:
            await self.refuse(ProtocolError("too_many_errors", "too many malformed messages in a row"))
        elif self._is_too_fast:
            await self.refuse(
                ProtocolError("rate_limited", "too fast for too long", retry_after_ms=error.retry_after_ms)
            )

    async def leave(self, closing: SessionClosing, within_s: float) -> None:
        """Announce the close, and close."""
        await self.tell(closing)
        await self.close(CLOSE_GOING_AWAY)

    async def end(self) -> None:
        """Clean up, and refer to nothing that refers to this.

        Such circles would wait for the garbage collector, and after many connections it would hold up keys.
        """
        key_watch.remove(self._on_key_revoked)
        live_sockets.discard(self)
        if self._idle is not None:
            self._idle.stop()
            self._idle = None
        if self._admission is not None:
            admissions.leave(self._admission)
            self._admission = None
        if self._greeted_at is not None:
            duration_s = round(time.monotonic() - self._greeted_at, 1)
            logger.info("disconnected after %.1f s", duration_s, extra={"duration_s": duration_s})

    async def _on_key_revoked(self) -> None:
        await self.refuse(ProtocolError("key_invalid", "this key was revoked"))

    async def _leave_idle(self) -> None:
        await self.refuse(ProtocolError("idle", f"the client sent nothing for {self.limits.idle_timeout_s} s"))

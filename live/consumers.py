"""WebSocket consumers: accept or refuse, parse, hand on to the session, send what comes back. Nothing here waits."""

import logging
import secrets
from typing import Any

from autobahn.exception import Disconnected
from channels.exceptions import StopConsumer
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from live.engine import get_engine
from live.limits import Admission, admissions, get_limits
from live.origin import origin_allowed
from live.protocol import (
    CLOSE_ASKED_FOR,
    CLOSE_INTERNAL,
    CLOSE_ORIGIN_REFUSED,
    CLOSE_SERVER_FULL,
    CLOSE_TOO_FAST,
    CLOSE_UNDECODABLE,
    CLOSE_UNKNOWN_PATH,
    CLOSE_VERSION_NOT_OFFERED,
    SUBPROTOCOL,
    Cancel,
    ClientMessage,
    Close,
    ErrorCode,
    ErrorMessage,
    Flush,
    Ping,
    Pong,
    ProtocolError,
    TextUpdate,
    error_body,
    parse_client_message,
    session_created,
)
from live.session import TypingSession
from model_core.errors import CheckpointError

logger = logging.getLogger(__name__)

_NO_LAYER = "none"


class _Consumer(AsyncWebsocketConsumer):
    """Channels' consumer without what a socket of keystrokes must not depend on: channel layer and database."""

    channel_layer_alias = _NO_LAYER
    closed = False

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Call the handler directly.

        Channels' own dispatch first hops through the thread that closes old database connections, where a slow
        query anywhere would hold every keystroke.
        """
        match message["type"]:
            case "websocket.receive":
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
            # The client left a moment ago, and Daphne has not told us yet.
            self.closed = True

    async def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Close; what still comes from the client is then read by nobody."""
        await super().close(code, reason)
        self.closed = True

    async def accept_offered(self) -> bool:
        """Accept, echoing our subprotocol if it is offered. Returns whether this client can speak with us."""
        offered = self.scope["subprotocols"]
        await self.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        return SUBPROTOCOL in offered or not offered

    async def refuse(self, close_code: int, error_code: ErrorCode, message: str) -> None:
        """Send an error, then close: a browser can see neither a refused handshake nor the reason of a close."""
        await self.report(ProtocolError(error_code, message))
        await self.close(close_code)

    async def report(self, error: ProtocolError) -> None:
        """Send one error."""
        await self.send(ErrorMessage(error=error_body(error)).encode())


class ClassifyConsumer(_Consumer):
    """One typist."""

    def __init__(self) -> None:
        super().__init__()
        self._limits = get_limits()
        self._admission: Admission | None = None
        self._session: TypingSession | None = None
        self._malformed = 0
        self._refused = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection until it ends, in whatever way, and leave nothing behind."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._end()

    async def connect(self) -> None:
        """Accept, then greet or refuse."""
        speaks_our_version = await self.accept_offered()
        address = self.scope["client"][0] if self.scope.get("client") else ""
        if not origin_allowed(self.scope["headers"], settings.ALLOWED_HOSTS, settings.STARCAST_ORIGINS):
            await self.refuse(CLOSE_ORIGIN_REFUSED, "origin_refused", "pages of this origin may not connect")
        elif not speaks_our_version:
            await self.refuse(CLOSE_VERSION_NOT_OFFERED, "version_not_offered", f"this server speaks {SUBPROTOCOL}")
        elif (admission := admissions.enter(address, self._limits)) is None:
            await self.refuse(CLOSE_SERVER_FULL, "server_full", "too many connections; try again later")
        else:
            self._admission = admission
            await self._greet()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Take one frame: store the text, and return."""
        if self.closed or self._session is None or self._admission is None:
            return
        # Whatever comes costs a token, also what turns out to be wrong.
        within_rate = self._admission.take()
        self._refused = max(0, self._refused + (-1 if within_rate else 1))
        try:
            if text_data is None:
                raise ProtocolError("binary_not_supported", "send JSON in text frames")
            message = parse_client_message(text_data, self._limits)
            self._malformed = 0
            if not within_rate:
                seq = message.seq if isinstance(message, TextUpdate) else None
                raise ProtocolError("rate_limited", "too many messages; slow down", seq=seq)
            await self._handle(message, self._session)
        except ProtocolError as error:
            await self._count(error, self._session)

    async def _handle(self, message: ClientMessage, session: TypingSession) -> None:
        match message:
            case TextUpdate():
                session.update(message)
            case Flush():
                await session.flush()
            case Cancel():
                session.cancel()
            case Ping(id=ping_id):
                await self.send(Pong(id=ping_id).encode())
            case Close():
                await self.close(CLOSE_ASKED_FOR)

    async def _count(self, error: ProtocolError, session: TypingSession) -> None:
        """Report an error, and close once there are too many in a row."""
        await self.report(error)
        if error.seq is not None:
            session.refuse(error.seq)
        if error.malformed:
            self._malformed += 1
        if self._malformed >= self._limits.max_malformed:
            await self.refuse(CLOSE_UNDECODABLE, "too_many_errors", "too many malformed messages in a row")
        elif self._refused >= self._limits.max_refused:
            await self.refuse(CLOSE_TOO_FAST, "too_many_errors", "too fast for too long")

    async def _greet(self) -> None:
        try:
            engine = get_engine()
        except CheckpointError as error:
            logger.error("no model: %s", error)
            await self.refuse(CLOSE_INTERNAL, "model_unavailable", "no model is loaded")
            return
        self._session = TypingSession(engine, lambda message: self.send(message.encode()))
        await self.send(session_created(secrets.token_urlsafe(9), engine.info, self._limits).encode())

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self._admission is not None:
            admissions.leave(self._admission)
            self._admission = None


class UnknownPathConsumer(_Consumer):
    """Says so on any other path, where Channels would log a traceback."""

    async def connect(self) -> None:
        """Accept, say what is wrong, close."""
        await self.accept_offered()
        await self.refuse(CLOSE_UNKNOWN_PATH, "unknown_path", "the path of this service is /ws/v1/classify/")

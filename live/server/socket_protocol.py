"""One WebSocket connection: it reads no faster than its messages are taken, and ends floods and slow readers."""

import asyncio
import time
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any, Final

import autobahn.websocket.protocol
from autobahn.websocket.types import ConnectionDeny
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet.tcp import Connection

from live.access.addresses import client_network
from live.access.admissions import admissions
from live.access.prices import CONNECTION, MESSAGE
from live.access.token_buckets import TokenBucket, spend_all
from live.limits import get_limits
from live.messages.errors import CLOSE_GOING_AWAY, FOLLOWING_CLOSE
from live.messages.protocol import ProtocolError, beyond_rate, error_body
from live.messages.server import ErrorMessage
from live.monitoring.metrics import WEBSOCKET_ERRORS, note_close

# autobahn lays out all its options at each connection, for a line of its log that is never written.
autobahn.websocket.protocol.pformat = repr

_READ_BYTES: Final = 4_096
"""Bytes read from one connection per turn. Twisted's 64 KiB would process a thousand flood messages in a row."""
_MAX_QUEUE: Final = 64
"""Messages that wait for the application before reading pauses. Daphne's queue has no bound."""
_CONTROL_FRAMES_PER_S: Final = 10
_CONTROL_FRAMES_BURST: Final = 100
"""An honest client sends a few a minute."""
_SMALL_FRAGMENT: Final = 1_024
"""A fragment of fewer bytes counts as a control frame. Messages have a rate, but a message may have many fragments."""
_LARGEST_MESSAGES_PER_S: Final = 16
_LARGEST_MESSAGES_BURST: Final = 64
"""Bytes are read as fast as that many messages of the largest size."""


class Hold(Enum):
    """A reason not to read."""

    HANDSHAKE = "the application has not yet accepted"
    QUEUE = "the application has many messages to take"
    BYTES = "the client sent too many bytes in a short time"
    RATE = "the client's address cannot pay for its frames"
    UNREAD = "the client does not read"
    CLOSING = "whatever comes now is ignored"


class SocketProtocol(WebSocketProtocol):
    """One WebSocket connection. Twisted calls it when its send buffer fills up and empties."""

    failByDrop = False  # noqa: N815
    """Close a client that breaks the rules of WebSockets with 1002, 1007 or 1009, where autobahn just hangs up."""
    slow_reader_s = 10.0
    writable: asyncio.Event
    """Set while the client keeps up with what is sent."""
    _slow_reader: asyncio.TimerHandle | None = None
    _known_to_server = False
    _opened = False
    _network = ""

    # Handshake

    def connectionMade(self) -> None:  # noqa: N802
        """Register as producer, instead of the HTTP side that handed over the connection."""
        limits = get_limits()
        self.writable = asyncio.Event()
        self.writable.set()
        self._holds: set[Hold] = set()
        self._heard_at = time.monotonic()
        self._control_frames = TokenBucket(_CONTROL_FRAMES_PER_S, _CONTROL_FRAMES_BURST)
        self._bytes = TokenBucket(
            _LARGEST_MESSAGES_PER_S * limits.max_message_bytes, _LARGEST_MESSAGES_BURST * limits.max_message_bytes
        )
        super().connectionMade()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self.transport.bufferSize = _READ_BYTES

    def onConnect(self, request: Any) -> Any:  # noqa: N802
        """Hand a valid handshake to the application. Raises ConnectionDeny for what Daphne cannot decode."""
        if not request.headers.get("sec-websocket-protocol", "").isascii():
            raise ConnectionDeny(ConnectionDeny.BAD_REQUEST, "Sec-WebSocket-Protocol must be ASCII")
        # autobahn would take what comes before the answer for another handshake.
        self._hold(Hold.HANDSHAKE)
        self._known_to_server = True
        self._network = self._client_network()
        return super().onConnect(request)

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:  # noqa: N802, N803
        """Refuse a handshake. It costs the address as much as a connection."""
        if admissions.bill(self._client_network(), get_limits()).spend(CONNECTION):
            reason, code, responseHeaders = "Too Many Requests", 429, [("Retry-After", "1")]  # noqa: N806
        super().failHandshake(reason, code, responseHeaders)

    def onOpen(self) -> None:  # noqa: N802
        """Handle the end of the handshake."""
        self._opened = True
        super().onOpen()
        self._release(Hold.HANDSHAKE)

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        """Handle the end of the connection, for any reason."""
        if self._known_to_server:
            super().onClose(wasClean, code, reason)
        if self._opened:
            note_close(self.closedByMe or self.failedByMe, self.localCloseCode if self.closedByMe else code)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Leave no circle of references, which would wait for the garbage collector and hold up keys then."""
        super().connectionLost(reason)
        del self.is_closed

    def _client_network(self) -> str:
        """Return the address by which limits count, as the application does."""
        header = self.factory.server_class.proxy_forwarded_address_header
        claimed = getattr(self, "http_headers", {}).get(header.lower(), "") if header else ""
        return client_network(claimed, self.transport.getPeer())

    # Reading

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Parse what was read, and count its bytes."""
        if self._holds:
            # Daphne starts to read again after the handshake, and a read may be under way.
            self.transport.pauseProducing()
            self.data += data
            return
        super().dataReceived(data)
        self._spend(Hold.BYTES, partial(spend_all, [(self._bytes, len(data))]))

    def processData(self) -> bool:  # noqa: N802
        """Parse the next frame or a part of it, unless there is a reason not to."""
        return not self._holds and bool(super().processData())

    def onFrameEnd(self) -> bool:  # noqa: N802
        """Count control frames and small fragments, which the application does not see, and all that follow a close."""
        frame = self.current_frame
        is_small_fragment = (not frame.fin or frame.opcode == 0) and frame.length < _SMALL_FRAGMENT
        if frame.opcode > 7 or is_small_fragment or self.state == self.STATE_CLOSING:
            if not self._control_frames.take():
                self._end(beyond_rate("too many control frames or fragments", self._control_frames.wait_s()))
                return False
            self._spend(Hold.RATE, partial(admissions.bill(self._network, get_limits()).spend, MESSAGE))
        return super().onFrameEnd() is not False

    def onMessage(self, payload: bytes, isBinary: bool) -> None:  # noqa: N802, N803
        """Hand a message to the application, and pause while it has many."""
        if self.state != self.STATE_OPEN:
            return
        self._heard_at = time.monotonic()
        super().onMessage(payload, isBinary)
        if self.application_queue.qsize() >= _MAX_QUEUE:
            self._hold(Hold.QUEUE)

    def message_taken(self) -> None:
        """Read on once the application has taken most messages."""
        if Hold.QUEUE in self._holds and self.application_queue.qsize() <= _MAX_QUEUE // 2:
            # Not within the application, which would get the exceptions.
            asyncio.get_running_loop().call_soon(self._release, Hold.QUEUE)

    def check_timeouts(self) -> None:
        """Ping a silent client, by the monotonic clock. Daphne calls this every two seconds."""
        now = time.monotonic()
        if self.state == self.STATE_OPEN and now - self._heard_at > self.server.ping_interval:
            self._heard_at = now
            self._sendAutoPing()

    def _spend(self, hold: Hold, spend: Callable[[], float]) -> None:
        """Pay, and stop reading until that is possible. ``spend`` returns 0, or the seconds to wait."""
        if self.state == self.STATE_CLOSED:
            return
        if wait_s := spend():
            self._hold(hold)
            asyncio.get_running_loop().call_later(wait_s, self._spend, hold, spend)
        else:
            self._release(hold)

    def _hold(self, reason: Hold) -> None:
        self._holds.add(reason)
        if self.state != self.STATE_CLOSED:
            self.transport.pauseProducing()

    def _release(self, reason: Hold) -> None:
        if reason not in self._holds:
            return
        self._holds.discard(reason)
        if not self._holds and self.data and self.state in (self.STATE_OPEN, self.STATE_CLOSING):
            self.consumeData()
        if not self._holds and self.state != self.STATE_CLOSED:
            self.transport.resumeProducing()

    # Writing

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop reading, and start the timeout of a slow reader."""
        self.writable.clear()
        self._hold(Hold.UNREAD)
        if self._slow_reader is None:
            self._slow_reader = asyncio.get_running_loop().call_later(self.slow_reader_s, self._drop_slow_reader)

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue: the client has read everything."""
        self.stopProducing()
        self.writable.set()
        self._release(Hold.UNREAD)

    def stopProducing(self) -> None:  # noqa: N802
        """Stop waiting for the client. Also called when the connection is lost."""
        if self._slow_reader is not None:
            self._slow_reader.cancel()
        self._slow_reader = None

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:  # noqa: N802
        """Send bytes. autobahn would colour a line of its log at each message, which costs more than sending."""
        if sync or chopsize or self.send_queue:
            super().sendData(data, sync, chopsize)
        else:
            _write(self.transport, data)

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        """Close. autobahn lets applications use only 1000 and 3000 to 4999, but a server may send 1001."""
        if code == CLOSE_GOING_AWAY:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code)

    def _fail_connection(self, code: int, reason: str) -> None:
        super()._fail_connection(code, reason)
        self._hold(Hold.CLOSING)

    def _drop_slow_reader(self) -> None:
        # Queued behind the unread data: a client that resumes reading sees them, others just lose the connection.
        self._end(ProtocolError("slow_reader", f"nothing was read for {self.slow_reader_s:g} s"))

    def _end(self, error: ProtocolError) -> None:
        """Send an error and close. autobahn drops a client that does not answer the close within a second."""
        if self.state != self.STATE_OPEN:
            self._hold(Hold.CLOSING)
            return
        WEBSOCKET_ERRORS[error.code].inc()
        self.serverSend(ErrorMessage(error=error_body(error)).encode())
        self.serverClose(FOLLOWING_CLOSE[error.code])


def _write(transport: Any, data: bytes) -> None:
    """Write what the socket takes now, if nothing is ahead of it, and leave the rest to the transport.

    The transport alone would register the socket for the next turn of the loop and then take it back: two system calls
    and a turn more for each message.
    """
    is_plain = isinstance(transport, Connection) and transport.connected and not transport.TLS
    if is_plain and not (transport.dataBuffer or transport._tempDataBuffer):  # noqa: SLF001 - the only way to ask
        sent = transport.writeSomeData(data)
        # Of a lost connection, it is an error, which the transport will find too.
        if isinstance(sent, int):
            data = data[sent:]
    if data:
        transport.write(data)

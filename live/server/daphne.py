"""Daphne with graceful shutdown, close code 1001, and disconnection of slow readers."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from daphne.http_protocol import WebRequest
from daphne.server import Server, twisted_loop
from daphne.ws_protocol import WebSocketProtocol
from twisted.internet import reactor

from live.connections.open_sockets import live_sockets
from live.messages.errors import CLOSE_GOING_AWAY, CLOSE_SLOW_READER
from live.messages.protocol import ProtocolError, error_body
from live.messages.server import ErrorMessage
from live.monitoring.metrics import WEBSOCKET_ERRORS, note_close
from live.server.stopping import refuse
from live.server.watchdog import Watchdog, exit_at_once
from live.serving.model_switch import ModelWatch
from live.watching.consumer import WRITABLE
from model_core.tasks import spawn, stop

logger = logging.getLogger(__name__)

_ANSWERS_WITHIN_S: Final = 5.0
_APPLICATIONS_END_WITHIN_S: Final = 2.0
_EXIT_WITHIN_S: Final = 9.0
_READ_BYTES: Final = 4_096
"""Bytes read from one connection per turn. Twisted's 64 KiB would process a thousand flood messages in a row."""


class SocketProtocol(WebSocketProtocol):
    """One WebSocket connection. Twisted calls it when its send buffer fills up and empties."""

    slow_reader_s = 10.0
    writable: asyncio.Event
    """Set while the client keeps up with what is sent."""
    _deadline: Any = None
    _opened = False

    def onOpen(self) -> None:  # noqa: N802
        """Handle the end of the handshake."""
        self._opened = True
        super().onOpen()

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:  # noqa: N802, N803
        """Handle the end of the connection, for any reason."""
        super().onClose(wasClean, code, reason)
        if self._opened:
            note_close(self.closedByMe or self.failedByMe, self.localCloseCode if self.closedByMe else code)

    def connectionMade(self) -> None:  # noqa: N802
        """Register as producer, instead of the HTTP side that handed over the connection."""
        self.writable = asyncio.Event()
        self.writable.set()
        super().connectionMade()
        self.transport.unregisterProducer()
        self.transport.registerProducer(self, True)
        self.transport.bufferSize = _READ_BYTES

    def pauseProducing(self) -> None:  # noqa: N802
        """Stop reading, and start the timeout of a slow reader."""
        self.writable.clear()
        self.transport.pauseProducing()
        if self._deadline is None:
            self._deadline = reactor.callLater(self.slow_reader_s, self._drop_slow_reader)

    def resumeProducing(self) -> None:  # noqa: N802
        """Continue: the client has read everything."""
        self.stopProducing()
        self.writable.set()
        self.transport.resumeProducing()

    def stopProducing(self) -> None:  # noqa: N802
        """Stop waiting for the client. Also called when the connection is lost."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        self._deadline = None

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802
        """Close. autobahn lets applications use only 1000 and 3000 to 4999, but a server may send 1001."""
        if code == CLOSE_GOING_AWAY:
            self.sendCloseFrame(code=code)
        else:
            super().serverClose(code)

    def _drop_slow_reader(self) -> None:
        # Queued behind the unread data: a client that resumes reading sees them, others just lose the connection.
        WEBSOCKET_ERRORS["slow_reader"].inc()
        error = ProtocolError("slow_reader", f"nothing was read for {self.slow_reader_s:g} seconds")
        self.serverSend(ErrorMessage(error=error_body(error)).encode())
        self.serverClose(CLOSE_SLOW_READER)


class StarcastServer(Server):
    """Serves until SIGTERM or SIGINT, then answers accepted requests and exits within ten seconds."""

    def __init__(
        self,
        *,
        slow_reader_s: float,
        on_serving: Callable[[], None],
        watchdog_s: float,
        model_watch: ModelWatch | None = None,
        **options: Any,
    ) -> None:
        super().__init__(signal_handlers=False, **options)
        self._slow_reader_s = slow_reader_s
        self._on_serving = on_serving
        self._watchdog = Watchdog(twisted_loop, watchdog_s, exit_at_once) if watchdog_s else None
        self._model_watch = model_watch
        self._watching: asyncio.Task[None] | None = None
        self._ports: list[Any] = []
        self._stopping: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Serve until a signal arrives."""
        reactor.callWhenRunning(self._prepare)
        super().run()
        if self._watchdog is not None:
            self._watchdog.stop()

    def listen_success(self, port: Any) -> None:
        """Store the port, since Daphne does not."""
        self._ports.append(port)
        super().listen_success(port)

    def create_application(self, protocol: Any, scope: dict[str, Any]) -> Any:
        """Create the application of a connection, and tell WebSockets whether their client reads.

        During shutdown, requests are refused: keep-alive connections would send more and more.
        """
        # Daphne trusts this header, so a client could disguise the path.
        scope["root_path"] = ""
        if isinstance(protocol, SocketProtocol):
            scope["extensions"] = {WRITABLE: protocol.writable}
        elif self._stopping is not None:
            refuse(protocol)
            return None
        return super().create_application(protocol, scope)

    def _prepare(self) -> None:
        self.ws_factory.protocol = type("ConfiguredProtocol", (SocketProtocol,), {"slow_reader_s": self._slow_reader_s})
        for number in (signal.SIGTERM, signal.SIGINT):
            twisted_loop.add_signal_handler(number, self._on_signal)
        if self._watchdog is not None:
            self._watchdog.start()
        if self._model_watch is not None:
            self._watching = spawn(self._model_watch.run(), loop=twisted_loop)
        # Daphne's own ready_callable runs too early: a reader of this line may send a signal, which needs its handlers.
        self._on_serving()

    def _on_signal(self) -> None:
        if self._stopping is not None:  # A second signal: stop at once.
            self.stop()
            return
        # Anything that hangs, such as the model thread, would keep the process alive.
        last_resort = threading.Timer(_EXIT_WITHIN_S, _exit_without_it)
        last_resort.daemon = True
        last_resort.start()
        self._stopping = spawn(self._drain_and_stop())

    async def _drain_and_stop(self) -> None:
        try:
            await stop(self._watching)
            await asyncio.gather(*(port.stopListening().asFuture(twisted_loop) for port in self._ports))
            requests = self._under_way(WebRequest)
            await asyncio.gather(
                live_sockets.drain(_ANSWERS_WITHIN_S), _end(requests.values(), within_s=_ANSWERS_WITHIN_S)
            )
            for request, application in requests.items():
                if not application.done():
                    refuse(request)
            # HTTP requests end with their answer, WebSockets when the client has closed.
            await _end(self._under_way().values(), within_s=_APPLICATIONS_END_WITHIN_S)
        finally:
            self.stop()

    def _under_way(self, kind: type = object) -> dict[Any, asyncio.Future[None]]:
        """Return the running applications of one kind of connection."""
        return {
            protocol: entry["application_instance"]
            for protocol, entry in self.connections.items()
            if isinstance(protocol, kind) and "application_instance" in entry
        }


async def _end(applications: Iterable[asyncio.Future[None]], within_s: float) -> None:
    """Wait for all to end, at most ``within_s`` seconds."""
    if pending := set(applications):
        await asyncio.wait(pending, timeout=within_s)


def _exit_without_it() -> None:
    logger.error("something did not end, most likely the model thread: exiting without it")
    exit_at_once()

"""Daphne with graceful shutdown and our own WebSocket protocol."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import daphne.server
from daphne.http_protocol import WebRequest
from daphne.server import Server, twisted_loop
from twisted.internet import reactor

from live.access.revocation import key_watch
from live.connections.consumer import MESSAGE_TAKEN
from live.connections.open_sockets import live_sockets
from live.http.feedback_room import keep_expiring
from live.server.http_protocol import HttpFactory
from live.server.memory import keep_trimming
from live.server.socket_protocol import SocketProtocol
from live.server.stopping import refuse
from live.server.watchdog import Watchdog, exit_at_once
from live.serving.model_switch import ModelWatch
from live.watching.consumer import WRITABLE
from model_core.tasks import spawn, stop

logger = logging.getLogger(__name__)

# Daphne makes its factory itself, and starts to listen with it at once.
daphne.server.HTTPFactory = HttpFactory

_ANSWERS_WITHIN_S: Final = 5.0
_APPLICATIONS_END_WITHIN_S: Final = 2.0
_STORED_WITHIN_S: Final = 1.0
_EXIT_WITHIN_S: Final = 9.0


class StarcastServer(Server):
    """Serves until SIGTERM or SIGINT, then answers accepted requests and exits within ten seconds."""

    def __init__(
        self,
        *,
        slow_reader_s: float,
        max_http_connections: int,
        on_serving: Callable[[], None],
        watchdog_s: float,
        model_watch: ModelWatch | None = None,
        **options: Any,
    ) -> None:
        super().__init__(signal_handlers=False, **options)
        self._slow_reader_s = slow_reader_s
        self.max_http_connections = max_http_connections
        self._on_serving = on_serving
        self._watchdog = Watchdog(twisted_loop, watchdog_s, exit_at_once) if watchdog_s else None
        self._model_watch = model_watch
        self._background: list[asyncio.Task[None]] = []
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
            scope["extensions"] = {WRITABLE: protocol.writable, MESSAGE_TAKEN: protocol.message_taken}
            # Daphne decodes them (%2E becomes a dot), but autobahn only accepts what the client wrote.
            scope["subprotocols"] = list(protocol.websocket_protocols)
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
            self._background.append(spawn(self._model_watch.run(), loop=twisted_loop))
        self._background += [spawn(keep_expiring(), loop=twisted_loop), spawn(keep_trimming(), loop=twisted_loop)]
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
        # They were taken before the stop, so they are answered as those under way.
        self.http_factory.turns.end()
        self._stopping = spawn(self._drain_and_stop())

    async def _drain_and_stop(self) -> None:
        try:
            for task in self._background:
                await stop(task)
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
            await key_watch.finish(_STORED_WITHIN_S)
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

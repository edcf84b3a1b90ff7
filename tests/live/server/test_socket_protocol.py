"""One WebSocket connection as the server sees it, over a transport in memory."""

import asyncio
import socket
import time
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.error import ConnectionDone
from twisted.internet.main import CONNECTION_LOST
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Connection
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

import live.server.daphne  # noqa: F401 - gives Twisted the reactor of asyncio, as in the server
from live.access.admissions import Admissions
from live.access.prices import CONNECTION, MESSAGE
from live.access.token_buckets import TokenBucket
from live.server import socket_protocol
from live.server.socket_protocol import SocketProtocol, _write
from tests.raw_sockets import HANDSHAKE, PING, TEXT, frame, request


class Server:
    """What a protocol needs of Daphne's server."""

    proxy_forwarded_address_header: str | None = None
    proxy_forwarded_port_header = proxy_forwarded_proto_header = None
    root_path = ""
    ping_interval = 20

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []
        self.queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def create_application(self, _: object, scope: dict[str, Any]) -> Any:
        self.scopes.append(scope)
        return self.queue

    def ignore(self, *_: object) -> None:
        pass

    protocol_connected = protocol_disconnected = log_action = ignore


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def own_admissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address may connect three times."""
    monkeypatch.setattr(socket_protocol, "admissions", Admissions(lambda *_: TokenBucket(0.001, 3 * CONNECTION)))


def connect(server: Server, **headers: bytes) -> tuple[SocketProtocol, StringTransport]:
    """Send a handshake; underscores of the names stand for hyphens."""
    factory = WebSocketFactory(server)
    factory.protocol = SocketProtocol
    protocol, transport = factory.buildProtocol(None), StringTransport()
    protocol._raw_query_string = b""
    transport.registerProducer(object(), streaming=True)  # As the HTTP side has.
    protocol.makeConnection(transport)
    changed = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    protocol.dataReceived(request({**HANDSHAKE, **changed}))
    return protocol, transport


def accepted(server: Server) -> tuple[SocketProtocol, StringTransport]:
    protocol, transport = connect(server)
    protocol.serverAccept()
    assert transport.value().startswith(b"HTTP/1.1 101")
    transport.clear()
    return protocol, transport


async def test_a_handshake_that_fails_costs_its_address_as_much_as_a_connection(
    server: Server, own_admissions: None
) -> None:
    answers = [connect(server, Sec_WebSocket_Key=b"short")[1].value()[:12] for _ in range(4)]
    assert answers == [b"HTTP/1.1 400"] * 3 + [b"HTTP/1.1 429"]
    assert not server.scopes


async def test_behind_a_proxy_the_address_of_its_header_pays(server: Server, own_admissions: None) -> None:
    server.proxy_forwarded_address_header = "X-Real-IP"
    wrong = {"Sec_WebSocket_Key": b"short"}
    for _ in range(3):
        connect(server, X_Real_IP=b"2001:db8::1", **wrong)
    assert connect(server, X_Real_IP=b"2001:db8::2", **wrong)[1].value().startswith(b"HTTP/1.1 429")
    assert connect(server, X_Real_IP=b"203.0.113.7", **wrong)[1].value().startswith(b"HTTP/1.1 400")


async def test_what_comes_before_the_application_accepts_is_read_afterwards(server: Server) -> None:
    protocol, transport = connect(server)
    protocol.dataReceived(frame(TEXT, b"early") + request(HANDSHAKE))
    assert transport.producerState == "paused"
    assert len(server.scopes) == 1
    protocol.serverAccept()
    assert [server.queue.get_nowait()["type"] for _ in range(2)] == ["websocket.connect", "websocket.receive"]


async def test_reading_pauses_while_many_messages_wait_and_goes_on_when_they_are_taken(server: Server) -> None:
    protocol, transport = accepted(server)
    protocol.dataReceived(frame(TEXT, b"x") * 200)
    waiting = server.queue.qsize()
    assert transport.producerState == "paused"
    assert waiting < 200
    taken = 0
    while taken < 201:
        await server.queue.get()
        taken += 1
        protocol.message_taken()
        await asyncio.sleep(0)
        assert server.queue.qsize() <= waiting
    assert transport.producerState == "producing"


async def test_a_client_whose_address_cannot_pay_for_control_frames_is_read_no_further(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket_protocol, "admissions", Admissions(lambda *_: TokenBucket(0.001, 4 * MESSAGE)))
    protocol, transport = accepted(server)
    for _ in range(4):
        protocol.dataReceived(frame(PING))
        assert transport.producerState == "producing"
    protocol.dataReceived(frame(PING))
    assert transport.producerState == "paused"
    assert transport.value().count(b"\x8a\x00") == 5


async def test_a_silent_client_is_pinged_though_the_clock_is_set_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol, transport = accepted(server)
    now, wall = time.monotonic(), time.time()
    monkeypatch.setattr(time, "time", lambda: wall - 3_600)
    monkeypatch.setattr(time, "monotonic", lambda: now + 19)
    protocol.check_timeouts()
    assert not transport.value()
    monkeypatch.setattr(time, "monotonic", lambda: now + 21)
    protocol.check_timeouts()
    assert transport.value()[0] == 0x89


async def test_a_closed_connection_is_freed_without_the_garbage_collector(server: Server, no_collector: None) -> None:
    protocol, transport = accepted(server)
    protocol.connectionLost(Failure(ConnectionDone()))
    transport.unregisterProducer()  # As a transport of Twisted does.
    gone = weakref.ref(protocol)
    del protocol
    assert gone() is None


class Writers:
    """The part of a reactor that a transport needs."""

    def __init__(self) -> None:
        self.added: set[object] = set()

    def addWriter(self, writer: object) -> None:  # noqa: N802
        self.added.add(writer)

    def removeWriter(self, writer: object) -> None:  # noqa: N802
        self.added.discard(writer)

    def removeReader(self, reader: object) -> None:  # noqa: N802
        pass


@pytest.fixture
def ends() -> Iterator[tuple[Connection, socket.socket, Writers]]:
    """A transport, the socket at its other end, and its reactor."""
    near, far = socket.socketpair()
    near.setblocking(False)
    writers = Writers()
    transport = Connection(near, None, writers)
    transport.connected = True
    with near, far:
        yield transport, far, writers


def test_a_message_is_sent_at_once_where_nothing_is_ahead_of_it(
    ends: tuple[Connection, socket.socket, Writers],
) -> None:
    transport, far, writers = ends
    _write(transport, b"message")
    assert far.recv(100) == b"message"
    assert not writers.added


def test_messages_to_a_client_that_reads_late_come_whole_and_in_order(
    ends: tuple[Connection, socket.socket, Writers],
) -> None:
    transport, far, writers = ends
    messages = [bytes([letter]) * 300_000 for letter in b"abc"]
    for message in messages:
        _write(transport, message)
    assert writers.added == {transport}
    came = b""
    while writers.added:
        came += far.recv(2**20)
        # As the reactor would in the next turn, and another message meanwhile.
        if transport.doWrite() is None and len(messages) == 3 and len(came) > 400_000:
            messages.append(b"d" * 1_000)
            _write(transport, messages[-1])
    while len(came) < sum(map(len, messages)):
        came += far.recv(2**20)
    assert came == b"".join(messages)


def test_after_the_end_of_the_connection_nothing_is_written(ends: tuple[Connection, socket.socket, Writers]) -> None:
    transport, _, writers = ends
    transport.protocol = Protocol()
    transport.connectionLost(Failure(ConnectionDone()))
    _write(transport, b"message")
    assert not writers.added


def test_the_transport_finds_out_that_the_connection_is_lost(ends: tuple[Connection, socket.socket, Writers]) -> None:
    transport, far, writers = ends
    far.close()
    _write(transport, b"message")
    assert writers.added == {transport}
    assert transport.doWrite() is CONNECTION_LOST

"""HTTP connections as the server sees them, over transports in memory."""

import asyncio
import weakref
from typing import Any

import pytest
from daphne.ws_protocol import WebSocketFactory
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

import live.server.daphne  # noqa: F401 - gives Twisted the reactor of asyncio, as in the server
from live.access.admissions import Admissions
from live.access.prices import BYTES_PER_UNIT, REQUEST
from live.access.token_buckets import TokenBucket
from live.limits import get_limits
from live.server import http_protocol
from live.server.http_protocol import HttpChannel, HttpFactory
from live.server.socket_protocol import SocketProtocol
from live.server.start_turns import TURNS_APART
from tests.raw_sockets import HANDSHAKE, request


class Server:
    """What a connection needs of Daphne's server. Its application never answers."""

    max_http_connections = 3
    root_path = server_name = ""
    request_buffer_size = 8_192
    proxy_forwarded_port_header = proxy_forwarded_proto_header = None

    def __init__(self, client_address_header: str | None = None) -> None:
        self.proxy_forwarded_address_header = client_address_header
        self.asked: list[dict[str, Any]] = []
        self.ws_factory = WebSocketFactory(self)
        self.ws_factory.protocol = SocketProtocol

    def create_application(self, _: object, scope: dict[str, Any]) -> asyncio.Queue[object]:
        self.asked.append(scope)
        return asyncio.Queue()

    def ignore(self, *_: object) -> None:
        pass

    protocol_connected = protocol_disconnected = log_action = ignore


def open_channel(factory: HttpFactory, address: str = "192.0.2.1") -> tuple[HttpChannel, StringTransport]:
    peer = IPv4Address("TCP", address, 1)
    channel, transport = factory.buildProtocol(peer), StringTransport(peerAddress=peer)
    channel.makeConnection(transport)
    return channel, transport


async def one_starts() -> None:
    """Wait until one request that waits was started, and the next one has not yet."""
    for _ in range(TURNS_APART):
        await asyncio.sleep(0)


async def connected(factory: HttpFactory, address: str = "192.0.2.1", *, asks: bool = False) -> StringTransport:
    """Connect, and ask for something that is never answered."""
    channel, transport = open_channel(factory, address)
    if asks:
        channel.dataReceived(request({b"Host": b"localhost"}))
        await one_starts()
    return transport


async def answer_to(factory: HttpFactory, headers: dict[bytes, bytes]) -> bytes:
    """Connect, send a request, and return the beginning of what comes back in its turn."""
    channel, transport = open_channel(factory)
    channel.dataReceived(request({b"Host": b"localhost", **headers}))
    await one_starts()
    return bytes(transport.value()[:12])


def open_ones(transports: list[StringTransport]) -> list[int]:
    return [number for number, transport in enumerate(transports) if not transport.disconnecting]


@pytest.fixture
async def factory() -> HttpFactory:
    return HttpFactory(Server())


async def test_one_connection_too_many_ends_the_oldest_idle_one_of_the_address_that_has_most(
    factory: HttpFactory,
) -> None:
    other = await connected(factory, "192.0.2.2")
    greedy = [await connected(factory, asks=number == 0) for number in range(5)]
    assert not other.disconnecting
    assert open_ones(greedy) == [0, 4]


async def test_where_all_are_being_answered_the_newest_is_ended(factory: HttpFactory) -> None:
    assert open_ones([await connected(factory, asks=number < 3) for number in range(4)]) == [0, 1, 2]


async def test_who_waits_for_a_turn_is_not_taken_for_idle(factory: HttpFactory) -> None:
    channels = [open_channel(factory) for _ in range(3)]
    for channel, _ in channels[1:]:
        channel.dataReceived(request({b"Host": b"localhost"}))
    open_channel(factory)
    assert open_ones([transport for _, transport in channels]) == [1, 2]


async def test_who_has_all_places_makes_room_for_others_whatever_it_asked(factory: HttpFactory) -> None:
    greedy = [await connected(factory, asks=True) for _ in range(3)]
    assert not (await connected(factory, "192.0.2.2")).disconnecting
    assert open_ones(greedy) == [0, 1]


async def test_who_has_left_takes_no_place(factory: HttpFactory) -> None:
    for _ in range(5):
        channel, _ = open_channel(factory)
        channel.connectionLost(None)
    assert open_ones([await connected(factory) for _ in range(4)]) == [1, 2, 3]


@pytest.mark.parametrize("headers", [{b"Host": b"localhost"}, HANDSHAKE], ids=["requests", "handshakes"])
async def test_of_many_that_come_at_once_one_starts_after_another(headers: dict[bytes, bytes]) -> None:
    server = Server()
    server.max_http_connections = 20
    factory = HttpFactory(server)
    for channel in [open_channel(factory)[0] for _ in range(20)]:
        channel.dataReceived(request(headers))
    started = []
    for _ in range(21):
        started.append(len(server.asked))
        await one_starts()
    assert started == list(range(21))


async def test_of_many_requests_of_one_connection_one_is_refused_after_another(factory: HttpFactory) -> None:
    channel, transport = open_channel(factory)
    channel.dataReceived(request({b"Host": b"localhost", b"Daphne-Root-Path": b"caf\xe9"}) * 5)
    refused = []
    for _ in range(6):
        refused.append(transport.value().count(b"HTTP/1.1 400"))
        await one_starts()
    assert refused == list(range(6))


async def test_addresses_take_turns_to_start(factory: HttpFactory) -> None:
    addresses = ["192.0.2.1"] * 2 + ["192.0.2.2"]
    for channel in [open_channel(factory, address)[0] for address in addresses]:
        channel.dataReceived(request({b"Host": b"localhost"}))
    for _ in addresses:
        await one_starts()
    asked = [scope["client"][0] for scope in factory.server.asked]
    assert asked == ["192.0.2.1", "192.0.2.2", "192.0.2.1"]


async def test_who_leaves_before_its_turn_is_not_started_and_delays_no_other(factory: HttpFactory) -> None:
    (first, _), (second, transport) = open_channel(factory), open_channel(factory, "192.0.2.2")
    for channel in (first, second):
        channel.dataReceived(request(HANDSHAKE))
    assert transport.producerState == "paused"
    first.connectionLost(None)
    await one_starts()
    await one_starts()
    [scope] = factory.server.asked
    assert scope["client"][0] == "192.0.2.2"


@pytest.mark.parametrize("name", [b"Daphne-Root-Path", b"X-Real-IP"])
async def test_what_daphne_cannot_decode_is_refused_and_charged(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "admissions", Admissions(lambda *_: TokenBucket(0.001, 2 * REQUEST)))
    server = Server("X-Real-IP")
    upgrades: list[dict[bytes, bytes]] = [{}, {b"Upgrade": b"websocket"}, {}]
    answers = [await answer_to(HttpFactory(server), {name: b"caf\xe9", **upgrade}) for upgrade in upgrades]
    assert answers == [b"HTTP/1.1 400", b"HTTP/1.1 400", b"HTTP/1.1 429"]
    assert not server.asked


async def test_behind_a_proxy_the_client_is_charged_for_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "admissions", Admissions(lambda *_: TokenBucket(0.001, REQUEST)))
    factory = HttpFactory(Server("X-Real-IP"))
    clients = (b"192.0.2.1", b"192.0.2.1", b"192.0.2.2")
    answers = [await answer_to(factory, {b"X-Real-IP": client, b"Daphne-Root-Path": b"caf\xe9"}) for client in clients]
    assert answers == [b"HTTP/1.1 400", b"HTTP/1.1 429", b"HTTP/1.1 400"]


@pytest.mark.parametrize(
    ("sent", "handed_on"),
    [
        ("application/json", "application/json"),
        ('application/json; charset="UTF-8"', 'application/json; charset="UTF-8"'),
        ("multipart/form-data; boundary=charset", "multipart/form-data; boundary=charset"),
        ("text/plain; charset=klingon", "text/plain; charset=unknown"),
        ("text/plain; charset=utf-8; charset=klingon", "text/plain; charset=unknown"),
        ("text/plain; charset*=UTF-8''klingon", "text/plain; charset=unknown"),
        ("text/plain; x*=klingon''%41", "text/plain; charset=unknown"),
    ],
)
async def test_no_unknown_charset_comes_to_python_which_would_remember_it(sent: str, handed_on: str) -> None:
    server = Server()
    await answer_to(HttpFactory(server), {b"Content-Type": sent.encode()})
    [scope] = server.asked
    assert dict(scope["headers"])[b"content-type"] == handed_on.encode()


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_without_end_ends_its_connection(factory: HttpFactory, is_chunked: bool) -> None:
    channel, transport = open_channel(factory)
    part = b"a" * 2**16
    length = {b"Transfer-Encoding": b"chunked"} if is_chunked else {b"Content-Length": b"1000000000"}
    channel.dataReceived(request({b"Host": b"localhost", **length}, b"/api/v1/predict", b"POST"))
    sent = 0
    while not transport.disconnecting:
        channel.dataReceived(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        sent += len(part)
        assert sent < 3 * get_limits().max_body_bytes
    channel.connectionLost(None)


def send_body(factory: HttpFactory, client: bytes, size: int, *, of: int) -> tuple[HttpChannel, StringTransport]:
    """Send ``size`` bytes of a body ``of`` that length, as a proxy does for a client."""
    channel, transport = open_channel(factory)
    headers = {b"Host": b"localhost", b"X-Real-IP": client, b"Content-Length": b"%d" % of}
    channel.dataReceived(request(headers, b"/api/v1/predict", b"POST") + b"a" * size)
    return channel, transport


@pytest.fixture
def behind_a_proxy() -> HttpFactory:
    server = Server("X-Real-IP")
    server.max_http_connections = 100
    return HttpFactory(server)


async def test_an_address_has_room_for_sixteen_bodies_that_are_not_whole_and_its_largest_one_ends(
    behind_a_proxy: HttpFactory,
) -> None:
    largest = get_limits().max_body_bytes
    held = [send_body(behind_a_proxy, b"192.0.2.1", largest - 1 - number, of=largest) for number in range(16)]
    other = send_body(behind_a_proxy, b"192.0.2.2", largest - 1, of=largest)
    assert open_ones([transport for _, transport in held]) == list(range(16))
    short = send_body(behind_a_proxy, b"192.0.2.1", 1_000, of=2_000)
    assert open_ones([transport for _, transport in [*held, other, short]]) == list(range(1, 18))


async def test_bodies_that_are_whole_or_whose_client_has_left_take_no_room(behind_a_proxy: HttpFactory) -> None:
    largest = get_limits().max_body_bytes
    whole = [send_body(behind_a_proxy, b"192.0.2.1", largest, of=largest) for _ in range(20)]
    for _ in range(20):
        channel, _ = send_body(behind_a_proxy, b"192.0.2.1", largest - 1, of=largest)
        channel.connectionLost(None)
    rest = send_body(behind_a_proxy, b"192.0.2.1", largest - 1, of=largest)
    assert open_ones([transport for _, transport in [*whole, rest]]) == list(range(21))


@pytest.mark.parametrize(
    ("method", "path", "charged"),
    [(b"GET", b"/api/v1/model", True), (b"POST", b"/healthz", True), (b"POST", b"/api/v1/predict", False)],
)
async def test_a_body_that_nothing_reads_is_charged(
    factory: HttpFactory, monkeypatch: pytest.MonkeyPatch, method: bytes, path: bytes, charged: bool
) -> None:
    body = b"a" * 3 * BYTES_PER_UNIT
    bucket = TokenBucket(0.001, 100)
    monkeypatch.setattr(http_protocol, "admissions", Admissions(lambda *_: bucket))
    channel, _ = open_channel(factory)
    headers = {b"Host": b"localhost", b"Content-Length": b"%d" % len(body)}
    channel.dataReceived(request(headers, path, method) + body)
    await one_starts()
    assert len(factory.server.asked) == 1
    assert bucket.take(97 if charged else 100)
    assert not bucket.take()


async def test_who_sends_too_much_that_nothing_reads_is_refused_and_read_no_more(
    factory: HttpFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = TokenBucket(0.001, REQUEST)
    assert bucket.take(REQUEST)
    monkeypatch.setattr(http_protocol, "admissions", Admissions(lambda *_: bucket))
    channel, transport = open_channel(factory)
    channel.dataReceived(
        request({b"Host": b"localhost", b"Content-Length": b"%d" % BYTES_PER_UNIT}, b"/healthz", b"POST")
        + b"a" * BYTES_PER_UNIT
    )
    await one_starts()
    assert transport.value().startswith(b"HTTP/1.1 429")
    assert transport.disconnecting
    assert not factory.server.asked


async def test_what_a_websocket_took_over_is_freed_without_the_garbage_collector(
    factory: HttpFactory, no_collector: None
) -> None:
    channel, transport = open_channel(factory)
    channel.dataReceived(request(HANDSHAKE))
    await asyncio.sleep(0)
    assert isinstance(transport.protocol, SocketProtocol)
    gone = weakref.ref(channel)
    del channel
    assert gone() is None

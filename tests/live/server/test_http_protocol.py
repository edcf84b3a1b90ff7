"""HTTP connections as the server sees them, over transports in memory."""

import asyncio
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

import live.server.daphne  # noqa: F401 - gives Twisted the reactor of asyncio, as in the server
from live.access.admissions import Admissions
from live.access.prices import MESSAGE
from live.access.token_buckets import TokenBucket
from live.limits import get_limits
from live.server import http_protocol
from live.server.http_protocol import HttpChannel, HttpFactory
from tests.raw_sockets import request


class Server:
    """What a connection needs of Daphne's server. Its application never answers."""

    max_http_connections = 3
    root_path = server_name = ""
    request_buffer_size = 8_192
    proxy_forwarded_port_header = proxy_forwarded_proto_header = None

    def __init__(self, client_address_header: str | None = None) -> None:
        self.proxy_forwarded_address_header = client_address_header
        self.asked: list[dict[str, Any]] = []

    def create_application(self, _: object, scope: dict[str, Any]) -> asyncio.Queue[object]:
        self.asked.append(scope)
        return asyncio.Queue()

    def ignore(self, *_: object) -> None:
        pass

    protocol_connected = protocol_disconnected = log_action = ignore


def connected(factory: HttpFactory, address: str = "192.0.2.1", *, asks: bool = False) -> StringTransport:
    """Connect, and ask for something that is never answered."""
    peer = IPv4Address("TCP", address, 1)
    channel, transport = factory.buildProtocol(peer), StringTransport(peerAddress=peer)
    channel.makeConnection(transport)
    if asks:
        channel.dataReceived(request({b"Host": b"localhost"}))
    return transport


def open_ones(transports: list[StringTransport]) -> list[int]:
    return [number for number, transport in enumerate(transports) if not transport.disconnecting]


@pytest.fixture
async def factory() -> HttpFactory:
    return HttpFactory(Server())


async def test_one_connection_too_many_ends_the_oldest_idle_one_of_the_address_that_has_most(
    factory: HttpFactory,
) -> None:
    other = connected(factory, "192.0.2.2")
    greedy = [connected(factory, asks=number == 0) for number in range(5)]
    assert not other.disconnecting
    assert open_ones(greedy) == [0, 4]


async def test_where_all_are_being_answered_the_newest_is_ended(factory: HttpFactory) -> None:
    assert open_ones([connected(factory, asks=True) for _ in range(3)] + [connected(factory)]) == [0, 1, 2]


async def test_who_has_all_places_makes_room_for_others_whatever_it_asked(factory: HttpFactory) -> None:
    greedy = [connected(factory, asks=True) for _ in range(3)]
    assert not connected(factory, "192.0.2.2").disconnecting
    assert open_ones(greedy) == [0, 1]


async def test_who_has_left_takes_no_place(factory: HttpFactory) -> None:
    for _ in range(5):
        channel: HttpChannel = factory.buildProtocol(IPv4Address("TCP", "192.0.2.1", 1))
        channel.makeConnection(StringTransport())
        channel.connectionLost(None)
    assert open_ones([connected(factory) for _ in range(4)]) == [1, 2, 3]


@pytest.mark.parametrize("name", [b"Daphne-Root-Path", b"X-Real-IP"])
async def test_what_daphne_cannot_decode_is_refused_and_charged(name: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "admissions", Admissions(lambda *_: TokenBucket(0.001, 2 * MESSAGE)))
    server = Server("X-Real-IP")
    answers = []
    for upgrade in ({}, {b"Upgrade": b"websocket"}, {}):
        channel, transport = HttpFactory(server).buildProtocol(None), StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(request({b"Host": b"localhost", name: b"caf\xe9", **upgrade}))
        answers.append(transport.value()[:12])
    assert answers == [b"HTTP/1.1 400", b"HTTP/1.1 400", b"HTTP/1.1 429"]
    assert not server.asked


async def test_behind_a_proxy_the_client_is_charged_for_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "admissions", Admissions(lambda *_: TokenBucket(0.001, MESSAGE)))
    answers = []
    for client in (b"192.0.2.1", b"192.0.2.1", b"192.0.2.2"):
        channel, transport = HttpFactory(Server("X-Real-IP")).buildProtocol(None), StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(request({b"Host": b"localhost", b"X-Real-IP": client, b"Daphne-Root-Path": b"caf\xe9"}))
        answers.append(transport.value()[:12])
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
    channel, transport = HttpFactory(server).buildProtocol(None), StringTransport()
    channel.makeConnection(transport)
    channel.dataReceived(request({b"Host": b"localhost", b"Content-Type": sent.encode()}))
    [scope] = server.asked
    assert dict(scope["headers"])[b"content-type"] == handed_on.encode()


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_without_end_ends_its_connection(factory: HttpFactory, is_chunked: bool) -> None:
    channel, transport = factory.buildProtocol(None), StringTransport()
    channel.makeConnection(transport)
    part = b"a" * 2**16
    length = {b"Transfer-Encoding": b"chunked"} if is_chunked else {b"Content-Length": b"1000000000"}
    channel.dataReceived(request({b"Host": b"localhost", **length}, b"/api/v1/predict", b"POST"))
    sent = 0
    while not transport.disconnecting:
        channel.dataReceived(b"%x\r\n%b\r\n" % (len(part), part) if is_chunked else part)
        sent += len(part)
        assert sent < 3 * get_limits().max_body_bytes
    channel.connectionLost(None)

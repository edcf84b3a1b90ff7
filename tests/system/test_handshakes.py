"""Every byte of a handshake or request is answered or refused, charged to the address, and never logged as a fault."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.raw_sockets import HANDSHAKE, RawSocket, frame, request
from tests.timing import PATIENCE_S
from tools.servers import RunningServer

PROTOCOL = b"Sec-WebSocket-Protocol"


async def first_line(port: int, sent: bytes) -> bytes:
    """The first line of the answer; empty if the server hangs up without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        async with asyncio.timeout(PATIENCE_S):
            return (await reader.readline()).strip()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({PROTOCOL: b"starcast%2Ev1"}, 101),
        ({PROTOCOL: "звезда".encode()}, 400),
        ({PROTOCOL: b"starcast.v1, caf\xe9"}, 400),
        ({PROTOCOL: b"starcast.v1, starcast.v1"}, 400),
        ({PROTOCOL: b""}, 101),
        ({b"Origin": b"http://["}, 400),
        ({b"Origin": b"caf\xe9"}, 400),
        ({b"Sec-WebSocket-Key": b"\xff" * 24}, 400),
        ({b"Sec-WebSocket-Version": b"\xb2"}, 400),
        ({b"Sec-WebSocket-Extensions": b"permessage-deflate; server_max_window_bits=\xe9"}, 400),
        ({b"Host": b"caf\xe9:\xb2"}, 400),
        ({b"Cookie": b"a\x85X-Real-IP: 203.0.113.7"}, 400),
        ({b"X-Note": b"caf\xe9"}, 101),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_a_handshake_is_accepted_or_refused(
    fake_server: RunningServer, headers: dict[bytes, bytes], status: int
) -> None:
    assert (await first_line(fake_server.port, request({**HANDSHAKE, **headers}))).startswith(b"HTTP/1.1 %d" % status)


@pytest.mark.parametrize("headers", [{}, {b"X-Note": b"caf\xe9"}], ids=["no header", "a note"])
async def test_a_request_is_answered(fake_server: RunningServer, headers: dict[bytes, bytes]) -> None:
    sent = request({b"Host": b"localhost", **headers}, b"/api/v1/model")
    assert await first_line(fake_server.port, sent) == b"HTTP/1.1 200 OK"


async def test_an_escaped_version_is_another_version(fake_server: RunningServer) -> None:
    socket = await RawSocket.connect(fake_server.port, {PROTOCOL: b"starcast%2Ev1"})
    await socket.read_until_end()
    assert (socket.messages[0]["error"]["code"], socket.close_code) == ("version_not_offered", 4512)


async def test_what_comes_before_the_answer_is_read_after_it(fake_server: RunningServer) -> None:
    text = frame(0x1, b'{"type":"text.update","seq":1,"text":"\r\n\r\n"}')
    reader, writer = await asyncio.open_connection("127.0.0.1", fake_server.port)
    writer.write(request(HANDSHAKE))
    await writer.drain()
    writer.write(text + request(HANDSHAKE))
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.transport.abort()


@settings(max_examples=100)
@given(st.data())
def test_any_header_is_answered(fake_server: RunningServer, data: st.DataObject) -> None:
    known = [*HANDSHAKE, PROTOCOL, b"Origin", b"Sec-WebSocket-Extensions", b"Daphne-Root-Path", b"Accept-Language"]
    names = st.one_of(st.sampled_from(known), st.binary())
    values = st.one_of(st.binary(max_size=60), st.text(max_size=30).map(str.encode))
    line_breaks = bytes.maketrans(b"\r\n", b"..")
    headers = data.draw(st.dictionaries(names, values, max_size=3))
    changed = {name.translate(line_breaks): value.translate(line_breaks) for name, value in headers.items()}
    usual, path = data.draw(st.sampled_from([(HANDSHAKE, b"/ws/v1/classify/"), ({b"Host": b"localhost"}, b"/about/")]))
    sent = request({**usual, **changed}, path)
    version, status, *_ = asyncio.run(first_line(fake_server.port, sent)).split()
    assert (version, int(status) < 500) == (b"HTTP/1.1", True)
    assert "Traceback" not in fake_server.logged()

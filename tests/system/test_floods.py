"""Floods of small frames end with the flooder's connection, cost no memory, and do not hold up others."""

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.raw_sockets import CONTINUATION, PING, TEXT, RawSocket, frame
from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask, open_socket, start_server

PINGS_OF_A_CLIENT = frame(TEXT, b'{"type":"ping"}')


@pytest.mark.parametrize(
    ("begins", "frames"),
    [
        (b"", frame(PING)),
        (b"", frame(PING, b"x" * 125)),
        (frame(TEXT, fin=False), frame(CONTINUATION, fin=False)),
        (frame(TEXT, fin=False), frame(CONTINUATION, b"a", fin=False)),
        (b"", PINGS_OF_A_CLIENT),
    ],
    ids=["pings", "long pings", "empty fragments", "small fragments", "messages"],
)
async def test_frames_without_end_are_counted_and_the_connection_closed(
    fake_server: RunningServer, begins: bytes, frames: bytes
) -> None:
    flooder = await RawSocket.open(fake_server.port)
    flooder.writer.write(begins)
    async with await open_socket(fake_server) as other:
        flooding = asyncio.create_task(flooder.flood(frames * 200))
        seq = 0
        while not flooding.done():
            seq += 1
            assert (await ask(other, f'{{"type":"text.update","seq":{seq},"text":"me too"}}'))["seq"] == seq
            await asyncio.sleep(0.05)  # As fast as a person, within the rate.
        await flooding
    assert flooder.messages[-1]["error"]["code"] == "rate_limited"
    assert flooder.close_code == 4008


async def test_pings_and_fragments_of_an_honest_client_are_answered(fake_server: RunningServer) -> None:
    socket = await RawSocket.open(fake_server.port)
    text = b'{"type":"text.update","seq":1,"text":"' + b"good " * 2_000 + b'"}'
    parts = [text[start : start + 2_000] for start in range(0, len(text), 2_000)]
    socket.writer.write(frame(TEXT, parts[0], fin=False))
    for part in parts[1:-1]:
        socket.writer.write(frame(PING, b"?") + frame(CONTINUATION, part, fin=False))
    socket.writer.write(frame(CONTINUATION, parts[-1]))
    while len(socket.messages) < 2:
        await socket.read_frame()
    assert socket.messages[1]["seq"] == 1
    socket.writer.transport.abort()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, b'{"type":"ping","id":"\xff"}'), 1007),
        (frame(TEXT, b"a" * 60_000, fin=False) + frame(CONTINUATION, b"a" * 60_000, fin=False) * 2, 1009),
        (frame(0x3), 1002),
        (frame(CONTINUATION, b"a"), 1002),
        (frame(PING, b"a" * 126), 1002),
        (frame(PING, fin=False), 1002),
        (frame(TEXT | 0x40, b"a"), 1002),
        (bytes((0x81, 1)) + b"a", 1002),
        (bytes((0x81, 0xFF)) + b"\xff" * 12, 1002),
    ],
    ids=["not UTF-8", "too large", "opcode", "continuation", "long ping", "half a ping", "flag", "no mask", "length"],
)  # fmt: skip
async def test_who_breaks_the_rules_of_frames_is_told_by_a_close_code(
    fake_server: RunningServer, sent: bytes, code: int
) -> None:
    socket = await RawSocket.open(fake_server.port)
    socket.writer.write(sent)
    await socket.read_until_end()
    assert socket.close_code == code


@pytest.mark.long
@pytest.mark.ci
async def test_twenty_floods_of_four_megabytes_leave_the_memory_as_it_was_and_are_closed(data_dir: Path) -> None:
    async def flood(server: RunningServer) -> RawSocket:
        socket = await RawSocket.open(server.port)
        socket.writer.write(PINGS_OF_A_CLIENT * (4_000_000 // len(PINGS_OF_A_CLIENT)))
        # All twenty at once, which takes a busy machine minutes.
        await socket.read_until_end(4 * PATIENCE_S)
        return socket

    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        process = psutil.Process(server.process.pid)
        async with await open_socket(server):  # What the first connection needs is no growth.
            before = process.memory_info().rss
        highest = before

        async def watch() -> None:
            nonlocal highest
            while True:
                highest = max(highest, process.memory_info().rss)
                await asyncio.sleep(0.05)

        watching = asyncio.create_task(watch())
        closed = await asyncio.gather(*(flood(server) for _ in range(20)))
        watching.cancel()
        assert highest < 1.3 * before
        assert {socket.messages[-1]["error"]["code"] for socket in closed} == {"rate_limited"}
        async with await open_socket(server) as other:
            assert (await ask(other, '{"type":"text.update","seq":1,"text":"still here"}'))["seq"] == 1
        assert "Traceback" not in server.logged()


def test_the_server_logged_no_traceback(fake_server: RunningServer) -> None:
    assert "Traceback" not in fake_server.logged()

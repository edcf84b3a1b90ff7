"""Twenty thousand random frames to a real server cause no traceback and no memory growth."""

import asyncio
import contextlib
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from websockets.exceptions import ConnectionClosed

from tools.servers import RunningServer, ask, open_socket, start_server

FRAMES: Final = 20_000
FRAMES_OF_A_CONNECTION: Final = 200
AT_ONCE: Final = 4
MIB: Final = 2**20

_TYPES = ["text.update", "flush", "explain", "session.update", "cancel", "ping", "huh", 7, None]
_VALUES: Final[list[Any]] = [
    0,
    1,
    -1,
    2**53,
    2**63,
    1e308,
    True,
    None,
    "",
    "a",
    "\ud800",
    "fine " * 900,
    "a" * 30_000,
    [],
    {},
    [[[]]],
]


def some_frame(chance: random.Random, seq: int) -> str | bytes:
    """A text as a typist sends it, a message with wrong fields, one with broken letters, or no JSON at all."""
    kind = chance.random()
    if kind < 0.4:
        return json.dumps({"type": "text.update", "seq": seq, "text": "A fine film. " * chance.randrange(1, 40)})
    names = chance.sample(["seq", "text", "id", "session", "new"], chance.randrange(4))
    frame = json.dumps({"type": chance.choice(_TYPES)} | {name: chance.choice(_VALUES) for name in names})
    if kind < 0.75:
        return frame
    if kind < 0.95:
        at = chance.randrange(len(frame))
        return frame[:at] + chr(chance.choice([0, 34, 92, 123, 0x301, 0x1F600])) + frame[at + chance.randrange(3) :]
    return chance.randbytes(chance.randrange(1, 100))


async def send_frames(server: RunningServer, chance: random.Random) -> int:
    """One connection that sends frames and reads what comes; returns how many it sent until its end."""
    sent = 0
    async with await open_socket(server) as socket:

        async def read() -> None:
            async for frame in socket:
                assert json.loads(frame)["type"] in {
                    "prediction", "explanation", "session.updated", "pong", "error",
                }  # fmt: skip

        reading = asyncio.create_task(read())
        with contextlib.suppress(ConnectionClosed):
            for seq in range(FRAMES_OF_A_CONNECTION):
                await socket.send(some_frame(chance, seq))
                sent += 1
        await socket.close()
        with contextlib.suppress(ConnectionClosed):
            await reading
    assert socket.close_code in (1000, 4008, 4502), socket.close_code
    return sent


async def send_so_many(server: RunningServer, frames: int, seed: int) -> None:
    sent = 0
    while sent < frames:
        counts = await asyncio.gather(
            *(send_frames(server, random.Random(f"{seed} {sent} {number}")) for number in range(AT_ONCE))
        )
        sent += sum(counts)


@pytest.fixture(scope="module")
def server(data_dir: Path) -> Iterator[RunningServer]:
    """All frames come from one address, which has a rate."""
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_ADDRESS_FACTOR="1000") as server:
        yield server


@pytest.mark.long
async def test_anything_may_be_sent_and_nothing_is_left_behind(server: RunningServer) -> None:
    process = psutil.Process(server.process.pid)
    # What Python and its allocator keep once they have seen everything is no leak.
    await send_so_many(server, FRAMES // 2, seed=1)
    before = process.memory_info().rss
    await send_so_many(server, FRAMES, seed=2)
    grown_mib = (process.memory_info().rss - before) / MIB
    assert grown_mib < 16, "the frames have more than twice as much"
    async with await open_socket(server) as socket:
        assert (await ask(socket, '{"type":"text.update","seq":1,"text":"still here"}'))["seq"] == 1
    assert "Traceback" not in server.logged()
    assert "ERROR" not in server.logged()

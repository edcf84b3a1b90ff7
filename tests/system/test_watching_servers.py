"""Watching over real servers: two with one Redis, a Redis that restarts, a typist who comes back, a slow reader."""

import asyncio
import json
import signal
import socket as sockets
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.conftest import require_program
from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask, free_port, open_socket, start_server


def update(seq: int, text: str) -> str:
    return json.dumps({"type": "text.update", "seq": seq, "text": text})


async def until(socket: ClientConnection, kind: str, **fields: Any) -> dict[str, Any]:
    """The next message of a type with these fields; others are passed over."""
    async with asyncio.timeout(30):
        while True:
            message = dict(json.loads(await socket.recv()))
            if message["type"] == kind and fields.items() <= message.items():
                return message


async def opened(socket: ClientConnection, **fields: str) -> dict[str, Any]:
    await socket.send(json.dumps({"type": "room.open", **fields}))
    return await until(socket, "room.opened")


@asynccontextmanager
async def watching(server: RunningServer, room: dict[str, Any]) -> AsyncIterator[ClientConnection]:
    url = server.ws.replace("classify/", f"watch/{room['room_id']}/")
    async with connect(url, subprotocols=[Subprotocol("starcast.v1")], proxy=None) as socket:
        assert json.loads(await socket.recv())["type"] == "session.created"
        yield socket


@contextmanager
def running_redis(port: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    program = require_program("redis-server")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("eady to accept connections" in line for line in process.stdout)
        yield process
        process.kill()


@pytest.fixture
def two_servers(data_dir: Path, redis_url: str) -> Iterator[tuple[RunningServer, RunningServer]]:
    with ExitStack() as stack:
        first, second = (
            stack.enter_context(start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_REDIS_URL=redis_url))
            for _ in range(2)
        )
        yield first, second


async def test_one_server_shows_the_room_of_another_and_a_typist_may_come_back_to_either(
    two_servers: tuple[RunningServer, RunningServer],
) -> None:
    first, second = two_servers
    async with await open_socket(first) as typist:
        room = await opened(typist)
        await ask(typist, '{"type":"ping"}')
        await typist.send(update(1, "Typed at the first server"))
        await until(typist, "prediction", seq=1)
        async with watching(second, room) as late, watching(first, room) as beside:
            for watcher in (late, beside):
                await until(watcher, "room.state", text="Typed at the first server", is_fresh=True)
            await until(typist, "room.watchers", count=2)
            typist.transport.abort()
            async with await open_socket(second) as back:
                assert (await opened(back, secret=room["secret"]))["room_id"] == room["room_id"]
                await back.send(update(1, "and on at the second"))
                for watcher in (late, beside):
                    await until(watcher, "room.state", text="and on at the second", is_fresh=True)
                await until(back, "room.watchers", count=2)
                await back.send('{"type":"room.close"}')
                for watcher in (late, beside):
                    assert (await until(watcher, "room.closed"))["reason"] == "closed"
    assert "Traceback" not in first.logged() + second.logged()


async def test_the_page_of_a_room_is_found_at_every_server_and_one_of_no_room_at_none(
    data_dir: Path, tmp_path: Path
) -> None:
    port = free_port()
    # Without the seconds after a start in which any room may come back.
    options: Any = {"STARCAST_REDIS_URL": f"redis://127.0.0.1:{port}/0", "STARCAST_ROOM_GRACE_S": "0"}
    with ExitStack() as stack:
        redis = stack.enter_context(ExitStack())
        redis.enter_context(running_redis(port, tmp_path))
        servers = [stack.enter_context(start_server(data_dir, STARCAST_BACKEND="fake", **options)) for _ in range(2)]

        async def statuses(room_id: str) -> list[int]:
            async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_S) as client:
                return [(await client.get(f"{server.http}/watch/{room_id}/")).status_code for server in servers]

        async with await open_socket(servers[0]) as typist:
            room = await opened(typist)
            # Once there is a watcher, the room listens.
            async with watching(servers[0], room):
                await until(typist, "room.watchers", count=1)
            assert await statuses(room["room_id"]) == [200, 200]
            assert await statuses("A" * 22) == [404, 404]
            await asyncio.to_thread(redis.close)
            assert await statuses("A" * 22) == [200, 200]
        assert not any("Traceback" in server.logged() for server in servers)


async def test_a_room_that_is_taken_over_through_another_server_has_one_typist(
    two_servers: tuple[RunningServer, RunningServer],
) -> None:
    first, second = two_servers
    async with await open_socket(first) as before, await open_socket(second) as after:
        room = await opened(before)
        async with watching(first, room) as watcher:
            await before.send(update(1, "before"))
            await until(watcher, "room.state", text="before", is_fresh=True)
            await opened(after, secret=room["secret"])
            await after.send(update(1, "after"))
            await until(watcher, "room.state", text="after", is_fresh=True)
            assert (await until(before, "room.closed"))["reason"] == "taken"
            await before.send(update(2, "nobody sees this"))
            await until(before, "prediction", seq=2)
            await after.send(update(2, "after all"))
            state = await until(watcher, "room.state")
            while state["text"] != "after all":
                assert state["text"] == "after"
                state = await until(watcher, "room.state")


async def test_while_redis_is_away_texts_are_rated_and_watching_recovers_within_five_seconds(
    data_dir: Path, tmp_path: Path
) -> None:
    port = free_port()
    with ExitStack() as stack:
        redis = stack.enter_context(ExitStack())
        redis.enter_context(running_redis(port, tmp_path))
        first, second = (
            stack.enter_context(
                start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_REDIS_URL=f"redis://127.0.0.1:{port}/0")
            )
            for _ in range(2)
        )
        async with await open_socket(first) as typist:
            room = await opened(typist)
            async with watching(second, room) as watcher:
                await typist.send(update(1, "before"))
                await until(watcher, "room.state", text="before", is_fresh=True)
                await asyncio.to_thread(redis.close)
                for seq in range(2, 30):
                    await typist.send(update(seq, f"while it is away {seq}"))
                    await until(typist, "prediction", seq=seq)
                await until(watcher, "room.state", is_typist_here=False)
                late_watcher = await waiting_watcher(second, room)
                stack.enter_context(running_redis(port, tmp_path))
                loop = asyncio.get_running_loop()
                back_at = loop.time()
                for socket in (watcher, late_watcher):
                    state = await until(socket, "room.state", is_typist_here=True)
                    assert (state["text"], state["is_fresh"]) == ("while it is away 29", True)
                assert loop.time() - back_at < 5
                await late_watcher.close()
        for server in (first, second):
            assert "Traceback" not in server.logged()
            assert "watching pauses" in server.logged()
            assert "while it is away" not in server.logged()


async def waiting_watcher(server: RunningServer, room: dict[str, Any]) -> ClientConnection:
    """A watcher who connects and waits while it is not yet known whether the room exists."""
    url = server.ws.replace("classify/", f"watch/{room['room_id']}/")
    socket = await connect(url, subprotocols=[Subprotocol("starcast.v1")], proxy=None)
    assert json.loads(await socket.recv())["type"] == "session.created"
    return socket


async def test_a_redis_that_comes_late_and_hangs_at_times_holds_up_no_rating(data_dir: Path, tmp_path: Path) -> None:
    port = free_port()
    with ExitStack() as stack:
        url = f"redis://127.0.0.1:{port}/0"
        server = stack.enter_context(start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_REDIS_URL=url))
        async with await open_socket(server) as typist:
            room = await opened(typist)
            await typist.send(update(1, "before there is a Redis"))
            await until(typist, "prediction", seq=1)
            async with watching(server, room) as watcher:
                redis = stack.enter_context(running_redis(port, tmp_path))
                await until(watcher, "room.state", text="before there is a Redis", is_fresh=True)
                redis.send_signal(signal.SIGSTOP)
                try:
                    loop = asyncio.get_running_loop()
                    for seq in range(2, 40):
                        sent_at = loop.time()
                        await typist.send(update(seq, f"while it hangs {seq}"))
                        await until(typist, "prediction", seq=seq)
                        # The layer is given up after a second; a rating that waited for it would take that long.
                        assert loop.time() - sent_at < 0.9
                    await until(watcher, "room.state", is_typist_here=False)
                finally:
                    redis.send_signal(signal.SIGCONT)
                await until(watcher, "room.state", text="while it hangs 39", is_typist_here=True)
        assert "Traceback" not in server.logged()


async def test_a_watcher_who_does_not_read_is_dropped_and_others_are_not_affected(data_dir: Path) -> None:
    with start_server(
        data_dir, STARCAST_BACKEND="fake", STARCAST_SLOW_READER_S="1", STARCAST_WORK_BURST="100000000"
    ) as server:
        async with await open_socket(server) as typist:
            room = await opened(typist)
            with sockets.create_connection(("127.0.0.1", server.port)) as raw:
                raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4_096)
                raw.sendall(
                    f"GET /ws/v1/watch/{room['room_id']}/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    f"Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode()
                )
                async with watching(server, room) as other:
                    await until(typist, "room.watchers", count=2)
                    present, seq = 2, 0
                    while present == 2:
                        seq += 1
                        text = f"{seq} " + "я" * 9_000
                        await typist.send(update(seq, text))
                        while (message := json.loads(await typist.recv()))["type"] != "prediction":
                            present = message["count"]
                        await until(other, "room.state", text=text, is_fresh=True)
                    assert present == 1
        assert "Traceback" not in server.logged()

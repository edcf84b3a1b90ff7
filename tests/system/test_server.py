"""Stopping and slow readers, over a real Daphne."""

import asyncio
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.raw_sockets import HANDSHAKE, request
from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask, open_socket, start_server

HANGING = """
import os
import sys
import threading
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
from django.core.management import execute_from_command_line
import live.serving.process_engine
from tests.classifiers import ControlledClassifier
live.serving.process_engine.load_classifier = lambda *_: ControlledClassifier(gate=threading.Event())
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""

SLOW = HANGING.replace("threading.Event()", "Gate()").replace(
    "live.serving.process_engine.load_classifier",
    """
class Gate(threading.Event):
    def wait(self, timeout=None):
        return super().wait(2)

live.serving.process_engine.load_classifier""",
)
"""Takes longer for an explanation, or for many texts, than a stop may."""


def update(seq: int) -> str:
    return json.dumps({"type": "text.update", "seq": seq, "text": f"text {seq}"})


async def rest(socket: ClientConnection) -> tuple[list[dict[str, Any]], int | None]:
    """All that still comes, and the close code."""
    messages = []
    try:
        async with asyncio.timeout(20):
            while True:
                messages.append(dict(json.loads(await socket.recv())))
    except ConnectionClosed:
        return messages, socket.close_code


async def test_a_stop_is_announced_and_what_was_taken_is_answered_first(data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        async with await open_socket(server) as socket:
            await ask(socket, '{"type":"session.update","session":{"min_interval_ms":60000}}')
            assert (await ask(socket, update(1)))["seq"] == 1
            await socket.send(update(2))
            assert (await ask(socket, '{"type":"ping"}'))["type"] == "pong"
            server.process.send_signal(signal.SIGTERM)
            (closing, prediction), code = await rest(socket)
        assert closing == {"type": "session.closing", "reason": "restart", "retry_after_ms": 500}
        assert (prediction["type"], prediction["seq"]) == ("prediction", 2)
        assert code == 1001
        assert server.process.wait(timeout=20) == 0
        assert "Traceback" not in server.logged()


async def test_under_load_nothing_that_was_taken_is_lost_in_a_stop(data_dir: Path) -> None:
    async def type_until_closing(server: RunningServer) -> tuple[int, int, int | None]:
        """The newest seq that the server had taken for sure, the newest answered, and the close code."""
        taken = answered = seq = 0
        async with await open_socket(server) as socket:
            try:
                closing = False
                while not closing:
                    seq += 1
                    await socket.send(update(seq))
                    await socket.send(json.dumps({"type": "ping", "id": str(seq)}))
                    message: dict[str, Any] = {}
                    while message.get("type") != "pong" and not closing:
                        message = json.loads(await socket.recv())
                        answered = max(answered, message.get("seq", 0))
                        taken = int(message["id"]) if message["type"] == "pong" else taken
                        closing = message["type"] == "session.closing"
            except ConnectionClosed:
                pass  # By a message that came too late; what came before the close is still to be read.
            messages, code = await rest(socket)
        pongs = [int(message["id"]) for message in messages if message["type"] == "pong"]
        return max([taken, *pongs]), max([answered, *(message.get("seq", 0) for message in messages)]), code

    # All of them share one address, and messages above its rate are refused.
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_WORK_BURST="1000000") as server:
        typists = [asyncio.create_task(type_until_closing(server)) for _ in range(20)]
        async with await open_socket(server) as socket:
            for seq in range(1, 50):
                await ask(socket, update(seq))
        server.process.send_signal(signal.SIGTERM)
        for taken, answered, code in await asyncio.gather(*typists):
            assert answered >= taken > 0
            assert code == 1001
        assert server.process.wait(timeout=20) == 0


@pytest.mark.long
@pytest.mark.ci
async def test_a_model_that_hangs_holds_up_the_stop_for_ten_seconds_at_most(data_dir: Path) -> None:
    with start_server(data_dir, program=("-c", HANGING, "serve"), STARCAST_BACKEND="fake") as server:
        async with await open_socket(server) as socket:
            await socket.send(update(1))
            assert (await ask(socket, '{"type":"ping"}'))["type"] == "pong"
            asked = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            (closing, error), code = await rest(socket)
        assert closing["type"] == "session.closing"
        assert (error["error"]["code"], error["error"]["seq"]) == ("model_unavailable", 1)
        assert code == 1001
        assert await asyncio.to_thread(server.process.wait, timeout=PATIENCE_S) == 1
        assert time.monotonic() - asked < 30  # Nine, and a busy machine: the model hangs for ever.


async def test_who_does_not_read_is_dropped_and_others_do_not_notice(data_dir: Path) -> None:
    def flood(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            raw.settimeout(60)
            raw.sendall(
                b"GET /ws/v1/classify/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"A" * 22 + b"==\r\n\r\n"
            )
            payload = json.dumps({"type": "ping", "id": "x" * 110}).encode()
            head = bytes((0x81, 0x80 | 126)) + len(payload).to_bytes(2, "big") + b"\0\0\0\0"
            frames = (head + payload) * 100
            with pytest.raises(ConnectionError):  # noqa: PT012
                while True:
                    raw.sendall(frames)

    with start_server(
        data_dir,
        STARCAST_BACKEND="fake",
        STARCAST_WORK_PER_S="1000000",
        STARCAST_WORK_BURST="100000000",
        STARCAST_SLOW_READER_S="1",
    ) as server:
        flooding = asyncio.create_task(asyncio.to_thread(flood, server.port))
        async with await open_socket(server) as other:
            seq = 0
            while not flooding.done():
                seq += 1
                assert (await ask(other, update(seq)))["seq"] == seq
        await flooding
        assert "Traceback" not in server.logged()


async def test_no_client_may_say_where_paths_begin(fake_server: RunningServer) -> None:
    claim = {"Daphne-Root-Path": "/x"}
    async with httpx.AsyncClient(base_url=fake_server.http, trust_env=False, timeout=PATIENCE_S) as client:
        assert (await client.get("/readyz", headers=claim)).status_code == 200
        assert (await client.get("/x/readyz", headers=claim)).status_code == 404
    async with await open_socket(fake_server, additional_headers=claim) as socket:
        assert (await ask(socket, '{"type":"ping"}'))["type"] == "pong"
    elsewhere = fake_server.ws.replace("/ws/", "/x/ws/")
    async with connect(elsewhere, additional_headers=claim, proxy=None) as socket:
        assert (await rest(socket))[1] == 4521


async def test_who_says_nothing_is_closed_as_idle(data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_IDLE_TIMEOUT_S="1") as server:
        async with await open_socket(server) as socket:
            (error,), code = await rest(socket)
        assert (error["error"]["code"], error["error"]["retryable"], code) == ("idle", True, 4009)


async def test_a_model_that_hangs_is_not_ready_however_many_ask(data_dir: Path) -> None:
    with start_server(
        data_dir, program=("-c", HANGING, "serve"), STARCAST_BACKEND="fake", STARCAST_DEADLINE_MS="300"
    ) as server:
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=60) as client:
            probes = await asyncio.gather(*(client.get("/readyz") for _ in range(30)))
            assert {probe.status_code for probe in probes} == {503}
            assert probes[0].json()["reason"] == "the model did not answer in time"
            assert (await client.get("/healthz")).status_code == 200
        # It would wait for the model.
        server.process.kill()


async def test_a_server_that_stops_takes_no_more_requests_over_connections_that_are_open(data_dir: Path) -> None:
    with start_server(data_dir, program=("-c", HANGING, "serve"), STARCAST_BACKEND="fake") as server:
        async with (
            await open_socket(server) as socket,
            httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=60) as client,
            httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=60) as other,
        ):
            await socket.send(update(1))
            assert (await ask(socket, '{"type":"ping"}'))["type"] == "pong"
            assert (await client.get("/healthz")).status_code == 200
            assert (await other.get("/healthz")).status_code == 200
            server.process.send_signal(signal.SIGTERM)
            assert json.loads(await socket.recv())["type"] == "session.closing"
            refused = await client.get("/healthz")
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            refused = await other.get("/api/v1/model")
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_unavailable")
            with pytest.raises(httpx.ConnectError):
                await client.get("/healthz")
            # It would wait for the model.
            server.process.kill()


async def test_requests_and_handshakes_that_wait_for_their_turn_at_a_stop_are_answered(data_dir: Path) -> None:
    body = b'{"text": "fine"}'
    headers = {b"Host": b"localhost", b"Content-Type": b"application/json", b"Content-Length": b"%d" % len(body)}
    post = request(headers, b"/api/v1/predict", b"POST") + body

    async def answer(server: RunningServer, sent: bytes) -> bytes:
        """The first line that comes back, or nothing."""
        reader, writer = connections.pop()
        writer.write(sent)
        async with asyncio.timeout(PATIENCE_S):
            line = await reader.readline()
        writer.close()
        return line

    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_WORK_BURST="1000000") as server:
        connections = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(150)]
        # The server reads all of it before one of these many is answered.
        os.kill(server.process.pid, signal.SIGSTOP)
        answers = [asyncio.create_task(answer(server, post)) for _ in range(100)]
        answers += [asyncio.create_task(answer(server, request(HANDSHAKE))) for _ in range(50)]
        await asyncio.sleep(0)
        os.kill(server.process.pid, signal.SIGCONT)
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        server.process.send_signal(signal.SIGTERM)
        lines = await asyncio.gather(*answers)
        assert await asyncio.to_thread(server.process.wait, timeout=20) == 0
        assert "Traceback" not in server.logged()
    assert {line.split()[1] for line in lines[:100]} <= {b"200", b"503"}
    assert {line.split()[1] for line in lines[100:]} <= {b"101", b"503"}


@pytest.mark.long
@pytest.mark.ci
async def test_requests_that_a_stop_would_cut_off_are_answered_by_an_error_in_time(data_dir: Path) -> None:
    long = "A slow start, but what an ending. " * 20
    with start_server(data_dir, program=("-c", SLOW, "serve"), STARCAST_BACKEND="fake") as server:
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=60) as client:
            slow = [
                asyncio.create_task(client.post(f"/api/v1/{path}", json=body))
                for path, body in (("explain", {"text": long}), ("predict", {"texts": [long] * 64}))
            ]
            # An answer says that what came before it is under way.
            assert (await client.post("/api/v1/predict", json={"text": "first"})).status_code == 200
            quick = asyncio.create_task(client.post("/api/v1/predict", json={"text": "second"}))
            await asyncio.sleep(0)  # So that this one goes over the open connection, which the server has accepted.
            assert (await client.get("/healthz")).status_code == 200
            asked = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            for reply in await asyncio.gather(*slow):
                assert (reply.status_code, reply.headers["Retry-After"]) == (503, "1")
                assert reply.headers["Access-Control-Allow-Origin"] == "*"
                error = reply.json()["error"]
                assert (error["code"], error["retryable"]) == ("model_unavailable", True)
            assert (await quick).status_code == 200
        assert await asyncio.to_thread(server.process.wait, timeout=20) == 0
        assert time.monotonic() - asked < 15  # Eight, and a busy machine.
        assert "Traceback" not in server.logged()

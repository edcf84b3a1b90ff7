"""The page of figures of a real server, and its end with a scraper at work."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask, open_socket, start_server

TOKEN = "t" * 32
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[RunningServer]:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_METRICS_TOKEN=TOKEN) as running:
        yield running


async def figures(server: RunningServer) -> dict[tuple[str, ...], float]:
    async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
        response = await client.get("/metrics", headers=HEADERS)
    assert response.status_code == 200
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


async def until(server: RunningServer, name: tuple[str, ...], value: float) -> dict[tuple[str, ...], float]:
    """Ask until a figure has a value: a server notices a little later than a client that a connection has ended."""
    async with asyncio.timeout(30):
        while (shown := await figures(server)).get(name) != value:
            pass
    return shown


async def test_connections_and_their_ends_are_counted_by_who_ended_them(server: RunningServer) -> None:
    async with await open_socket(server) as first, await open_socket(server) as second:
        for seq in range(1, 6):
            await ask(first, json.dumps({"type": "text.update", "seq": seq, "text": f"text {seq}"}))
        assert (await figures(server))[("starcast_connections",)] == 2
        await second.send('{"type":"close"}')
        await second.wait_closed()
    async with connect(server.ws, proxy=None, origin=Origin("https://evil.example")) as refused:
        assert json.loads(await refused.recv())["error"]["code"] == "origin_refused"
        await refused.wait_closed()
    async with await open_socket(server) as cut_off:
        cut_off.transport.abort()
    shown = await until(server, ("starcast_closes_total", "client", "1006"), 1)
    assert shown["starcast_connections",] == 0
    assert shown["starcast_sessions_total",] == 3
    assert shown["starcast_closes_total", "client", "1000"] == 1
    assert shown["starcast_closes_total", "server", "1000"] == 1
    assert shown["starcast_closes_total", "server", "4520"] == 1
    assert shown["starcast_errors_total", "origin_refused", "websocket"] == 1
    assert shown["starcast_texts_total",] == shown["starcast_keystroke_to_answer_seconds_count",] == 5


async def test_a_stop_answers_first_while_figures_are_read(server: RunningServer) -> None:
    async def scrape() -> None:
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
            while True:
                await client.get("/metrics", headers=HEADERS)

    scraping = asyncio.create_task(scrape())
    async with await open_socket(server) as socket:
        await ask(socket, '{"type":"session.update","session":{"min_interval_ms":60000}}')
        await ask(socket, '{"type":"text.update","seq":1,"text":"a"}')
        await socket.send('{"type":"text.update","seq":2,"text":"b"}')
        assert (await ask(socket, '{"type":"ping"}'))["type"] == "pong"
        server.process.send_signal(signal.SIGTERM)
        assert json.loads(await socket.recv())["type"] == "session.closing"
        assert json.loads(await socket.recv())["seq"] == 2
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1001
    assert await asyncio.to_thread(server.process.wait, timeout=20) == 0
    with pytest.raises(httpx.TransportError):
        await scraping
    assert "Traceback" not in server.logged()

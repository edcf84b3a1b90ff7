"""After a burst, the server gives its memory back."""

import asyncio
import json
from pathlib import Path

import httpx
import psutil
import pytest

from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask, open_socket, start_server

LONG = "A fine film, though the ending is weak. " * 470


async def type_long_texts(server: RunningServer, number: int, keys: int) -> None:
    async with await open_socket(server) as socket:
        for seq in range(keys):
            await ask(socket, json.dumps({"type": "text.update", "seq": seq, "text": f"{number} {LONG}{seq}"}))


@pytest.mark.long
async def test_a_minute_after_a_burst_memory_is_back(data_dir: Path) -> None:
    with start_server(data_dir) as server:
        process = psutil.Process(server.process.pid)
        await type_long_texts(server, 0, 5)
        before = process.memory_info().rss
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
            bulk = (client.post("/api/v1/predict", json={"texts": [LONG[:5_000]] * 64}) for _ in range(4))
            await asyncio.gather(*bulk, *(type_long_texts(server, number, 10) for number in range(40)))
        async with asyncio.timeout(60):
            while process.memory_info().rss > 1.3 * before:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(1)

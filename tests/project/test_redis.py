"""Redis as the channel layer: used where it is named, and never in the way of a rating."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.conftest import require_program
from tests.servers import REPOSITORY, start_server

ROUND_TRIP = """
import asyncio
from channels.layers import get_channel_layer

async def main():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("room", channel)
    await layer.group_send("room", {"type": "stars", "stars": 9})
    print((await asyncio.wait_for(layer.receive(channel), 10))["stars"])
    await layer.flush()

asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    """A Redis of the test's own, which keeps nothing."""
    program, port = require_program("redis-server"), free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any("eady to accept connections" in line for line in process.stdout)
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()


def test_messages_of_a_group_go_through_the_redis_that_is_named(redis_url: str, tmp_path: Path) -> None:
    environment = {"STARCAST_BACKEND": "fake", "STARCAST_DEBUG": "1", "STARCAST_DATA_DIR": str(tmp_path)}
    finished = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", ROUND_TRIP],
        cwd=REPOSITORY,
        env={**os.environ, **environment, "STARCAST_REDIS_URL": redis_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.stdout.strip() == "9", finished.stderr


def test_without_redis_ratings_go_on(data_dir: Path) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_REDIS_URL=nobody) as server:
        with connect(server.ws, proxy=None) as websocket:
            assert json.loads(websocket.recv())["type"] == "session.created"
            websocket.send('{"type":"text.update","seq":1,"text":"A fine film"}')
            assert json.loads(websocket.recv())["seq"] == 1
        assert "Traceback" not in server.logged()

"""Redis as the channel layer: used if configured, and never a delay for ratings."""

import json
import os
import subprocess
import sys
from pathlib import Path

from websockets.sync.client import connect

from tools.servers import REPOSITORY, free_port, start_server

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

"""Only a server whose event loop hangs is ended."""

import asyncio
import logging
import signal
import threading
import time
from pathlib import Path

import httpx

from live.server.watchdog import Watchdog
from tools.servers import start_server

BLOCKING = """
import os
import sys
import time
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
import django
django.setup()
from django.core.management import execute_from_command_line
import live.http.health

async def stand_still(engine):
    time.sleep(3600)

live.http.health.probe = stand_still
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


def test_a_server_whose_loop_stands_still_ends_itself_with_one_line(data_dir: Path) -> None:
    with (
        start_server(
            data_dir, program=("-c", BLOCKING, "serve"), STARCAST_BACKEND="fake", STARCAST_WATCHDOG_S="1"
        ) as server,
        httpx.Client(base_url=server.http, trust_env=False, timeout=60) as client,
    ):
        assert client.get("/healthz").status_code == 200
        try:
            client.get("/readyz")
        except httpx.TransportError:
            assert server.process.wait(timeout=20) == 1
        [line] = server.logged().splitlines()
        assert "the event loop has stood still for 1 seconds" in line


def test_a_process_that_was_stopped_for_a_while_goes_on(data_dir: Path) -> None:
    with (
        start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_WATCHDOG_S="1") as server,
        httpx.Client(base_url=server.http, trust_env=False, timeout=60) as client,
    ):
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        server.process.send_signal(signal.SIGCONT)
        until = time.monotonic() + 2
        while time.monotonic() < until:
            assert client.get("/healthz").status_code == 200
        assert server.process.poll() is None


async def test_a_loop_that_turns_is_left_alone_and_none_is_watched_after_the_end() -> None:
    ended = threading.Event()
    watchdog = Watchdog(asyncio.get_running_loop(), 0.3, ended.set)
    watchdog.start()
    assert not await asyncio.to_thread(ended.wait, 1)
    watchdog.stop()
    time.sleep(1)  # noqa: ASYNC251 - it blocks the loop on purpose
    assert not ended.is_set()


async def test_a_loop_that_stands_still_in_its_log_is_ended_too() -> None:
    ended = threading.Event()
    handler = logging.getLogger().handlers[0]
    watchdog = Watchdog(asyncio.get_running_loop(), 0.3, ended.set)
    watchdog.start()
    handler.acquire()
    try:
        assert ended.wait(20)
    finally:
        handler.release()

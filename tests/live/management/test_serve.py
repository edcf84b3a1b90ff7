"""``manage.py serve`` as a process."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.servers import REPOSITORY, ask, open_socket, start_server

AGEING = """
import os
import sys
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
from django.core.management import execute_from_command_line
import daphne.server
from daphne.ws_protocol import WebSocketProtocol
check_timeouts = WebSocketProtocol.check_timeouts

def check_a_week_later(protocol):
    if protocol.state == protocol.STATE_OPEN:
        protocol.socket_opened -= 7 * 86_400
        check_timeouts(protocol)
        protocol.serverSend("checked")

WebSocketProtocol.check_timeouts = check_a_week_later
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


def test_it_says_what_it_loaded_and_where_it_listens_in_three_lines(data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        loaded, address, stop = server.announcement
        assert loaded.startswith("Starcast loaded fake")
        assert f"http://localhost:{server.port}/" in address
        assert "Ctrl-C" in stop


def test_it_ends_when_asked_to(data_dir: Path) -> None:
    for asked in (signal.SIGTERM, signal.SIGINT):
        with start_server(data_dir, STARCAST_BACKEND="fake") as server:
            server.process.send_signal(asked)
            assert server.process.wait(timeout=20) == 0


async def test_a_connection_lasts_longer_than_a_day(data_dir: Path) -> None:
    with start_server(data_dir, program=("-c", AGEING, "serve"), STARCAST_BACKEND="fake") as server:
        async with await open_socket(server) as socket:
            assert await socket.recv() == "checked"
            assert (await ask(socket, '{"type":"ping"}'))["type"] == "pong"


def test_a_port_that_is_taken_is_said_in_one_line(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = subprocess.run(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=REPOSITORY,
            env={"STARCAST_BACKEND": "fake", "STARCAST_DEBUG": "1", "STARCAST_DATA_DIR": str(data_dir)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert finished.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_pickle_is_no_checkpoint(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    finished = subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", "0", "--skip-checks"],
        cwd=REPOSITORY,
        env={"STARCAST_CHECKPOINT": str(tmp_path), "STARCAST_DEBUG": "1", "STARCAST_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode != 0
    assert "pickle" in finished.stderr
    assert "Traceback" not in finished.stderr

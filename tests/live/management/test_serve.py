"""``manage.py serve`` as a process."""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from live.server.listening import address_in_network
from model_core.checkpoint import CONFIG_FILE, ONNX_DATA_FILE
from tests.raw_sockets import has_ipv6
from tools.servers import REPOSITORY, RunningServer, ask, free_port, open_socket, start_server

AGEING = """
import os
import sys
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
from django.core.management import execute_from_command_line
from daphne.server import Server
timeout_checker = Server.timeout_checker

def check_a_week_later(server):
    open_ones = [protocol for protocol in server.connections if getattr(protocol, "state", None) == 3]
    for protocol in open_ones:
        protocol.socket_opened -= 7 * 86_400
    timeout_checker(server)
    for protocol in open_ones:
        protocol.serverSend("checked")

Server.timeout_checker = check_a_week_later
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


def serve(data_dir: Path, port: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start a server that cannot."""
    return subprocess.run(
        [sys.executable, "manage.py", "serve", "--port", str(port)],
        cwd=REPOSITORY,
        env={"STARCAST_DEBUG": "1", "STARCAST_DATA_DIR": str(data_dir), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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


def test_who_answers_no_ping_is_dropped_after_the_time_that_is_set(data_dir: Path) -> None:
    with (
        start_server(
            data_dir, STARCAST_BACKEND="fake", STARCAST_PING_INTERVAL_S="2", STARCAST_PING_TIMEOUT_S="1"
        ) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=15) as raw,
    ):
        raw.sendall(
            b"GET /ws/v1/classify/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + b"A" * 22 + b"==\r\n\r\n"
        )
        received = b""
        # By default, this would take 20 seconds, and 10 more.
        with contextlib.suppress(ConnectionResetError):
            while chunk := raw.recv(65_536):
                received += chunk
    greeting, _, rest = received.partition(b"unicode_code_point")
    assert greeting
    assert rest[2] == 0x89, "a ping"


async def test_a_closing_after_too_much_can_be_set(data_dir: Path) -> None:
    with start_server(
        data_dir,
        STARCAST_BACKEND="fake",
        STARCAST_WORK_PER_S="1",
        STARCAST_WORK_BURST="25",
        STARCAST_MAX_MALFORMED="2",
        STARCAST_MAX_REFUSED="3",
    ) as server:
        for frame, code in (("{", 4502), ('{"type":"ping"}', 4008)):
            async with await open_socket(server) as client:
                for _ in range(20):
                    await client.send(frame)
                with contextlib.suppress(ConnectionClosed):
                    async for _ in client:
                        pass
                assert client.close_code == code


def test_a_port_that_is_taken_is_said_in_one_line(data_dir: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = serve(data_dir, port, STARCAST_BACKEND="fake")
    assert finished.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in finished.stderr
    assert "Traceback" not in finished.stderr


def refusal(data_dir: Path, folder: Path) -> str:
    """The one line that a server says which cannot serve this checkpoint."""
    finished = serve(data_dir, STARCAST_CHECKPOINT=str(folder))
    assert finished.returncode == 1
    assert finished.stdout == ""
    [line] = finished.stderr.splitlines()
    assert str(folder) in line
    return line


def test_a_pickle_is_no_checkpoint(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert "convert it to safetensors" in refusal(data_dir, tmp_path)


def other_hash(folder: Path) -> None:
    with (folder / ONNX_DATA_FILE).open("ab") as file:
        file.write(b" ")


def other_labels(folder: Path) -> None:
    config = json.loads((folder / CONFIG_FILE).read_text())
    config["id2label"] = {"0": "NEGATIVE", "1": "POSITIVE"}
    config["starcast"] |= {"task": "nominal", "values": None, "prior": [0.5, 0.5]}
    (folder / CONFIG_FILE).write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("damage", "cure"),
    [(other_hash, "fetch it again"), (other_labels, "2 logits")],
)
def test_a_checkpoint_that_cannot_be_served_is_one_line_that_says_what_to_do(
    data_dir: Path, two_models: Path, tmp_path: Path, damage: Callable[[Path], None], cure: str
) -> None:
    folder = Path(shutil.copytree(two_models / "one", tmp_path / "one"))
    damage(folder)
    assert cure in refusal(data_dir, folder)


def test_settings_that_are_wrong_are_one_line_each(data_dir: Path) -> None:
    finished = serve(
        data_dir,
        STARCAST_BACKEND="fake",
        STARCAST_ORIGINS="example.com",
        STARCAST_ALLOWED_HOSTS="localhost:8000",
        STARCAST_BURTS="1",
        STARCAST_DEBUG="0",
        STARCAST_SECRET_KEY="x" * 60,
    )
    assert finished.returncode == 1
    warning, *errors = finished.stderr.splitlines()
    assert warning.startswith("warning: STARCAST_BURTS is set")
    assert len(errors) == 2


@pytest.mark.skipif(address_in_network() is None, reason="this machine has no network")
def test_who_listens_on_one_address_is_answered_there(data_dir: Path) -> None:
    address = str(address_in_network())
    with start_server(data_dir, program=("manage.py", "serve", "--host", address), STARCAST_BACKEND="fake") as server:
        url = f"http://{address}:{server.port}/"
        assert url in server.announcement[1]
        assert httpx.get(url, trust_env=False).status_code == 200


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_localhost_is_answered_over_ipv6(data_dir: Path) -> None:
    program = ("manage.py", "serve", "--host", "localhost")
    with start_server(data_dir, program=program, port=free_port(), STARCAST_BACKEND="fake") as server:
        for host in ("127.0.0.1", "[::1]"):
            assert httpx.get(f"http://{host}:{server.port}/", trust_env=False).status_code == 200


@pytest.mark.skipif(address_in_network() is None, reason="this machine has no network")
def test_who_listens_on_all_addresses_is_told_the_one_for_others_and_answers_there(data_dir: Path) -> None:
    program = ("manage.py", "serve", "--host", "0.0.0.0")
    with start_server(data_dir, program=program, STARCAST_BACKEND="fake") as server:
        address = f"http://{address_in_network()}:{server.port}/"
        assert address in server.announcement[1]
        assert httpx.get(address, trust_env=False).status_code == 200


def test_the_page_and_the_log_say_what_to_set_for_another_host_name(fake_server: RunningServer) -> None:
    answer = httpx.get(fake_server.http, headers={"Host": "stars.<b>.example"}, trust_env=False)
    assert answer.status_code == 400
    assert "stars.&lt;b&gt;.example" in answer.text
    assert "STARCAST_ALLOWED_HOSTS" in answer.text
    assert "STARCAST_ALLOWED_HOSTS" in fake_server.logged()
    assert "stars" not in fake_server.logged()

"""``manage.py serve`` as a process."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.servers import REPOSITORY, start_server


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

"""The health check of the container."""

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from live.server.health_check import main
from tests.system.test_server import HANGING
from tools.servers import RunningServer, free_port, start_server


def succeeded(folder: Path) -> Path:
    """The file of failures after a success."""
    file = folder / "failures"
    file.write_text("0000")
    return file


def test_a_server_that_rates_is_healthy(fake_server: RunningServer, tmp_path: Path) -> None:
    failures = tmp_path / "failures"
    failures.write_text("3")
    assert main(["--port", str(fake_server.port), "--failures", str(failures)]) == 0
    assert int(failures.read_text()) == 0


def test_after_some_failures_in_a_row_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--failures", str(succeeded(tmp_path)), "--after", "3"]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        for _ in range(2):
            assert main([*arguments, "--stop", str(server.pid)]) == 1
        assert server.poll() is None
        assert main([*arguments, "--stop", str(server.pid)]) == 1
        assert server.wait(timeout=20) < 0
    # The next container begins to count anew.
    assert not (tmp_path / "failures").exists()


@pytest.mark.long
@pytest.mark.ci
def test_a_server_whose_model_hangs_is_stopped(data_dir: Path, tmp_path: Path) -> None:
    with start_server(
        data_dir, program=("-c", HANGING, "serve"), STARCAST_BACKEND="fake", STARCAST_DEADLINE_MS="100"
    ) as server:
        arguments = ["--port", str(server.port), "--failures", str(succeeded(tmp_path)), "--after", "2"]
        assert [main([*arguments, "--stop", str(server.process.pid)]) for _ in range(2)] == [1, 1]
        # By force, in the end: the thread of the model never comes back. The status has Docker start it anew.
        assert server.process.wait(timeout=30) == 1


def test_without_a_process_to_stop_it_only_says_so(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--failures", str(succeeded(tmp_path)), "--after", "1"]
    assert [main(arguments), main(arguments)] == [1, 1]


def test_a_server_that_still_starts_is_not_stopped(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--failures", str(tmp_path / "failures"), "--after", "1"]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        assert [main([*arguments, "--stop", str(server.pid)]) for _ in range(3)] == [1, 1, 1]
        assert server.poll() is None
        server.kill()


def test_an_answer_that_is_no_http_is_a_failure_like_others(tmp_path: Path) -> None:
    failures = succeeded(tmp_path)

    def answer() -> None:
        with listener.accept()[0] as connection:
            connection.recv(4_096)
            connection.sendall(b"what?\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        answering = threading.Thread(target=answer)
        answering.start()
        assert main(["--port", str(listener.getsockname()[1]), "--failures", str(failures)]) == 1
        answering.join()
    assert int(failures.read_text()) == 1


def test_where_nothing_can_be_counted_the_answer_still_holds(
    fake_server: RunningServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "no" / "such" / "folder")
    assert main(["--port", str(fake_server.port), "--failures", nowhere]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert main(["--port", str(free_port()), "--failures", nowhere]) == 1


def test_a_full_disk_does_not_stop_the_counting(tmp_path: Path) -> None:
    failures = succeeded(tmp_path)
    before = failures.stat()
    assert main(["--port", str(free_port()), "--failures", str(failures)]) == 1
    # The same bytes of the same file: nothing that needs room.
    assert (failures.stat().st_ino, failures.stat().st_size) == (before.st_ino, before.st_size)
    assert int(failures.read_text()) == 1

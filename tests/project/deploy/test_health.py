"""The health check of the container."""

import subprocess
import sys
from pathlib import Path

from project.deploy.health import main
from tests.live.test_server import HANGING
from tests.servers import RunningServer, free_port, start_server


def test_a_server_that_rates_is_healthy(fake_server: RunningServer, tmp_path: Path) -> None:
    failures = tmp_path / "failures"
    failures.write_text("3")
    assert main(["--port", str(fake_server.port), "--failures", str(failures)]) == 0
    assert not failures.exists()


def test_after_some_failures_in_a_row_the_server_is_asked_to_stop(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--failures", str(tmp_path / "failures"), "--after", "3"]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as server:
        for _ in range(2):
            assert main([*arguments, "--stop", str(server.pid)]) == 1
        assert server.poll() is None
        assert main([*arguments, "--stop", str(server.pid)]) == 1
        assert server.wait(timeout=20) < 0
    # The next container begins to count anew.
    assert not (tmp_path / "failures").exists()


def test_a_server_whose_model_hangs_is_stopped(data_dir: Path, tmp_path: Path) -> None:
    with start_server(
        data_dir, program=("-c", HANGING, "serve"), STARCAST_BACKEND="fake", STARCAST_DEADLINE_MS="100"
    ) as server:
        arguments = ["--port", str(server.port), "--failures", str(tmp_path / "failures"), "--after", "2"]
        assert [main([*arguments, "--stop", str(server.process.pid)]) for _ in range(2)] == [1, 1]
        # By force, in the end: the thread of the model never comes back. The status has Docker start it anew.
        assert server.process.wait(timeout=30) == 1


def test_without_a_process_to_stop_it_only_says_so(tmp_path: Path) -> None:
    arguments = ["--port", str(free_port()), "--failures", str(tmp_path / "failures"), "--after", "1"]
    assert [main(arguments), main(arguments)] == [1, 1]

"""The examples of docs/clients.md run as they are printed."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tools.servers import REPOSITORY, RunningServer

ADDRESS = "http://localhost:8000"
PAGES = ("docs/clients.md", "clients/python/README.md")
EXAMPLES = [
    example
    for page in PAGES
    for example in re.findall(r"```python\n(.*?)```", (REPOSITORY / page).read_text(), re.DOTALL)
]
COMMANDS = re.findall(r"^starcast(?:-conformance)? .*", (REPOSITORY / "docs/clients.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_python_example_prints_a_rating(fake_server: RunningServer, tmp_path: Path, example: str) -> None:
    assert ADDRESS in example
    (tmp_path / "example.py").write_text(example.replace(ADDRESS, fake_server.http))
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "example.py")],
        env={"PYTHONPATH": str(REPOSITORY / "clients/python/src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert re.search(r"\d\.\d", finished.stdout)


@pytest.fixture
def shell(fake_server: RunningServer, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell in which the package is installed and our server is the one on port 8000."""
    for program, module in (("starcast", "cli"), ("starcast-conformance", "conformance.cli")):
        script = tmp_path / "bin" / program
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            f"#!{sys.executable}\nimport sys\nfrom starcast_client import cli\n"
            f"from starcast_client.{module} import main\n"
            f"cli.DEFAULT_URL = {fake_server.http!r}\nsys.exit(main())\n"
        )
        script.chmod(0o755)
    return {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY / "clients/python/src"),
        "NO_PROXY": "localhost",
        "TERM": "xterm-256color",
    }


def command_of(start: str, server: RunningServer) -> str:
    command: str
    (command,) = [command for command in COMMANDS if command.startswith(start)]
    return command.replace(ADDRESS, server.http)


def test_the_command_that_rates_a_file_runs_as_printed(
    fake_server: RunningServer, shell: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "reviews.csv").write_text('id,review\n1,"A fine film"\n2,Terrible\n')
    subprocess.run(
        command_of("starcast score", fake_server), shell=True, cwd=tmp_path, env=shell, check=True, timeout=120
    )
    table = pq.read_table(tmp_path / "ratings.parquet")
    assert table.column("review").to_pylist() == ["A fine film", "Terrible"]


def test_the_command_that_holds_a_server_to_the_protocol_runs_as_printed(
    fake_server: RunningServer, shell: dict[str, str]
) -> None:
    command = command_of("starcast-conformance", fake_server)
    finished = subprocess.run(command, shell=True, env=shell, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stdout
    assert " 0 FAIL" in finished.stdout.splitlines()[-1]


def test_the_command_for_a_terminal_runs_as_printed(fake_server: RunningServer, shell: dict[str, str]) -> None:
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    with subprocess.Popen(
        command_of("starcast live", fake_server),
        shell=True,
        env=shell,
        stdin=follower,
        stdout=follower,
        stderr=follower,
    ) as terminal:
        os.close(follower)
        screen = b""
        for wanted, keys in ((b"Type a review.", b"Fine"), (b"stars expected", b"\x11")):
            while wanted not in screen:
                screen += os.read(leader, 2**16)
            os.write(leader, keys)
        with contextlib.suppress(OSError):  # That is how the end of a terminal reads.
            while os.read(leader, 2**16):
                pass
    os.close(leader)
    assert terminal.returncode == 0


def test_each_command_is_one_that_the_package_installs() -> None:
    assert len(COMMANDS) == 3
    scripts = (REPOSITORY / "clients/python/pyproject.toml").read_text()
    assert {command.split()[0] for command in COMMANDS} == set(
        re.findall(r'^(starcast[\w-]*) = "starcast_client', scripts, re.MULTILINE)
    )

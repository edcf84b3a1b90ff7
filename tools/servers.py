"""Starts and stops the real server as a subprocess."""

import contextlib
import errno
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

REPOSITORY = Path(__file__).resolve().parent.parent


_FIRST_PORT: Final = 20_000
_PORTS: Final = 12_000
_numbers: Final = itertools.count(os.getpid() * 101)
"""Each process begins elsewhere, so that two that ask at the same time get different ports."""


def free_port() -> int:
    """Return a free TCP port of loopback, and not the same again soon.

    It stays free until it is used: it is below the ports that systems give to connections, and to servers that ask for
    any.
    """
    while True:
        port = _FIRST_PORT + next(_numbers) % _PORTS
        if all(_is_free(family, port) for family in (socket.AF_INET, socket.AF_INET6)):
            return port


def _is_free(family: socket.AddressFamily, port: int) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.bind(("127.0.0.1" if family == socket.AF_INET else "::1", port))
    except OSError as error:
        return error.errno != errno.EADDRINUSE  # Not every machine has IPv6.
    return True


@dataclass
class RunningServer:
    """A server process and its address."""

    process: subprocess.Popen[str]
    port: int
    announcement: list[str]
    log: Path

    @property
    def http(self) -> str:
        """URL of the page."""
        return f"http://localhost:{self.port}"

    @property
    def ws(self) -> str:
        """URL of the WebSocket."""
        return f"ws://localhost:{self.port}/ws/v1/classify/"

    def logged(self) -> str:
        """Return the server's log so far."""
        return self.log.read_text()


@contextlib.contextmanager
def start_server(
    data_dir: Path, port: int = 0, program: Sequence[str] = ("manage.py", "serve"), **environment: str
) -> Iterator[RunningServer]:
    """Run ``manage.py serve``, or another Python ``program``, for the duration of the block.

    The process must then exit by itself on SIGTERM.
    """
    variables = {**os.environ, "STARCAST_DATA_DIR": str(data_dir), "STARCAST_SECRET_KEY": "x" * 60, **environment}
    log = data_dir / f"server-{os.urandom(4).hex()}.log"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, *program, "--port", str(port)],
            cwd=REPOSITORY,
            env=variables,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert process.stdout is not None
    try:
        announcement = [process.stdout.readline() for _ in range(3)]
        match = re.search(r"http://[^:]+:(\d+)/", "".join(announcement))
        assert match is not None, f"no address in {announcement}; log: {log.read_text()}"
        yield RunningServer(process, int(match[1]), announcement, log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        finally:
            process.kill()
            process.stdout.close()
            process.wait()


async def open_socket(server: RunningServer, **options: Any) -> ClientConnection:
    """Connect and receive the greeting."""
    socket = await connect(server.ws, subprotocols=[Subprotocol("starcast.v1")], proxy=None, max_size=2**21, **options)
    assert json.loads(await socket.recv())["type"] == "session.created"
    return socket


async def ask(socket: ClientConnection, frame: str | bytes) -> dict[str, Any]:
    """Send one frame and return the next message."""
    await socket.send(frame)
    return dict(json.loads(await socket.recv()))

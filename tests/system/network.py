"""Two hosts in network namespaces, with a cable between them that a test can pull."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from tests.conftest import require_program
from tools.servers import REPOSITORY

SERVER_ADDRESS = "198.51.100.1"  # Of the block that is reserved for documentation.
_CLIENT_ADDRESS = "198.51.100.2"

_ENTER = """
import os, sys
os.execvp("ip", ["ip", "netns", "exec", sys.argv[1], sys.executable, *sys.argv[2:]])
"""

_TYPIST = """
import asyncio, sys
from starcast_client import AsyncClient, Options

async def main():
    async with AsyncClient(sys.argv[1], proxy=None, options=Options(answer_timeout_s=120)) as client:
        while line := await asyncio.to_thread(sys.stdin.readline):
            client.update(line.strip())
            print((await client.flush()).seq, flush=True)

asyncio.run(main())
"""


class Typist:
    """A client on one of the hosts that has a line rated at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def send(self, text: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def answer(self) -> int:
        """Wait for the seq of the answer; the time limit of the test bounds it."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def ask(self, text: str) -> int:
        self.send(text)
        return self.answer()


@dataclass(frozen=True)
class Network:
    """The names of the two hosts."""

    server: str
    client: str

    def program(self, host: str, *arguments: str) -> tuple[str, ...]:
        """Arguments of Python that run Python on a host."""
        return ("-c", _ENTER, host, *arguments)

    def pull_cable(self) -> None:
        _ip("-n", self.client, "link", "set", "cable", "down")

    def plug_cable(self) -> None:
        _ip("-n", self.client, "link", "set", "cable", "up")

    def disturb(self, *netem: str) -> None:
        """Delay and lose packets, both ways. Skips where the kernel cannot."""
        for host in (self.server, self.client):
            command = ("ip", "netns", "exec", host, "tc", "qdisc", "add", "dev", "cable", "root", "netem", *netem)
            if subprocess.run(command, capture_output=True, check=False).returncode:
                pytest.skip("the kernel has no netem")

    @contextlib.contextmanager
    def typist(self, host: str, url: str) -> Iterator[Typist]:
        path = os.pathsep.join((str(REPOSITORY / "clients" / "python" / "src"), str(REPOSITORY)))
        with subprocess.Popen(
            [sys.executable, *self.program(host, "-c", _TYPIST, url)],
            env={**os.environ, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Typist(process)
            finally:
                process.kill()


@contextlib.contextmanager
def two_hosts() -> Iterator[Network]:
    """Make the hosts, and take them away with the block. Skips where this user may not."""
    require_program("ip")
    network = Network(f"starcast-server-{os.getpid()}", f"starcast-client-{os.getpid()}")
    hosts: Sequence[tuple[str, str]] = ((network.server, SERVER_ADDRESS), (network.client, _CLIENT_ADDRESS))
    with contextlib.ExitStack() as stack:
        for host, _ in hosts:
            if subprocess.run(("ip", "netns", "add", host), capture_output=True, check=False).returncode:
                pytest.skip("this user may make no network namespaces")
            stack.callback(_ip, "netns", "delete", host)
        _ip(
            "-n",
            network.server,
            "link",
            "add",
            "cable",
            "type",
            "veth",
            "peer",
            "name",
            "cable",
            "netns",
            network.client,
        )
        for host, address in hosts:
            _ip("-n", host, "address", "add", f"{address}/30", "dev", "cable")
            _ip("-n", host, "link", "set", "cable", "up")
            _ip("-n", host, "link", "set", "lo", "up")
        yield network


def _ip(*arguments: str) -> None:
    subprocess.run(("ip", *arguments), check=True)

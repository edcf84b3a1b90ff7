"""Uploads that never end neither fill the proxy's temporary folder nor cut anybody's WebSocket."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.conftest import missing
from tests.system.topology.proxies import Proxy, proxy_before
from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask

_SIZE_MB = 256
_BODY = 2 * 2**20 - 1_024


@pytest.fixture(scope="module")
def proxy(fake_server: RunningServer) -> Iterator[Proxy]:
    """The proxy before a real server, with its temporary folder on a small disk."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="starcast-proxy-")))
        folder.chmod(0o755)
        disk = folder / "disk"
        disk.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_MB}m,mode=755", "tmpfs", str(disk)]
        if not shutil.which("mount") or subprocess.run(mount, capture_output=True, check=False).returncode:
            missing("this user may not mount a tmpfs")
        stack.callback(subprocess.run, ["umount", str(disk)], check=True)
        yield stack.enter_context(proxy_before(fake_server.port, folder, run_dir=disk, told_addresses=True))


def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close at once: TLS would first send what the proxy does not read, for longer than the test's event loop runs."""
    writer.transport.abort()


async def hold(proxy: Proxy, address: str, stack: contextlib.AsyncExitStack, body: int = _BODY) -> int:
    """Send an upload but for its last byte. Returns 100 if the proxy holds it, or the status of the refusal."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=proxy.tls, server_hostname="localhost")
    stack.callback(hang_up, writer)
    # The proxy says that it goes on as soon as it has counted the upload.
    head = f"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nX-Test-Address: {address}\r\nExpect: 100-continue\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {body}\r\n\r\n".encode())
    async with asyncio.timeout(PATIENCE_S):
        status = int((await reader.readline()).split()[1])
    with contextlib.suppress(ConnectionError):
        writer.write(b"x" * (body - 1))
        await writer.drain()
    return status


def free_mb(proxy: Proxy) -> int:
    return shutil.disk_usage(proxy.folder / "disk").free // 2**20


@pytest.mark.long
async def test_240_held_uploads_cut_no_socket(proxy: Proxy) -> None:
    url = f"wss://localhost:{proxy.port}/ws/v1/classify/"
    async with contextlib.AsyncExitStack() as stack:
        typists = [await stack.enter_async_context(connect(url, ssl=proxy.tls, proxy=None)) for _ in range(8)]
        for typist in typists:
            assert json.loads(await typist.recv())["type"] == "session.created"
        statuses: Counter[int] = Counter()
        for start in range(0, 240, 40):
            addresses = (f"198.51.{number // 200}.{number % 200}" for number in range(start, start + 40))
            statuses.update(await asyncio.gather(*(hold(proxy, address, stack) for address in addresses)))
            assert free_mb(proxy) >= _SIZE_MB // 2
            for typist in typists:
                async with asyncio.timeout(PATIENCE_S):
                    answer = await ask(typist, json.dumps({"type": "text.update", "seq": start, "text": "still here"}))
                assert answer["seq"] == start
        assert statuses.keys() <= {100, 429}
        assert statuses[429] >= 240 - 48


async def test_addresses_of_one_network_of_ipv6_share_their_uploads(proxy: Proxy) -> None:
    async with contextlib.AsyncExitStack() as stack:
        held = await asyncio.gather(*(hold(proxy, f"2001:db8::{number:x}", stack) for number in range(1, 21)))
        assert Counter(held) == {100: 8, 429: 12}
        assert await hold(proxy, "2001:db8:0:1::1", stack) == 100


async def test_what_people_type_is_no_upload(proxy: Proxy) -> None:
    async with contextlib.AsyncExitStack() as stack:
        uploads = await asyncio.gather(*(hold(proxy, f"203.0.113.{number % 8}", stack) for number in range(64)))
        assert set(uploads) == {100, 429}
        typed = await asyncio.gather(*(hold(proxy, "198.51.100.1", stack, body=9_000) for _ in range(20)))
        assert Counter(typed) == {100: 20}

"""A server that may open few files refuses connections before it has none left for health checks."""

import asyncio
from pathlib import Path

import httpx

from tests.raw_sockets import RawSocket
from tests.timing import PATIENCE_S
from tools.servers import open_socket, start_server

FEW_FILES = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 160))
os.execv(sys.executable, [sys.executable, "manage.py", "serve", *sys.argv[1:]])
"""


async def test_a_server_is_full_before_its_descriptors_run_out_and_health_checks_go_on(data_dir: Path) -> None:
    with start_server(data_dir, program=("-c", FEW_FILES), STARCAST_BACKEND="fake") as server:
        sockets = [await open_socket(server) for _ in range(80)]
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
            answers = await asyncio.gather(*(_refusal(server.port) for _ in range(20)))
            assert set(answers) == {"server_full"}
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/")).status_code == 200
        for socket in sockets:
            await socket.close()
        assert "only 80 WebSockets are possible, not 2000" in server.logged()
        assert "Traceback" not in server.logged()


async def test_idle_connections_of_one_address_leave_room_for_others(data_dir: Path) -> None:
    with start_server(data_dir, program=("-c", FEW_FILES), STARCAST_BACKEND="fake") as server:
        idle = [
            await asyncio.open_connection("127.0.0.1", server.port, local_addr=("127.0.0.2", 0)) for _ in range(200)
        ]
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/")).status_code == 200
        sockets = [await open_socket(server) for _ in range(80)]
        assert await _refusal(server.port) == "server_full"
        for socket in sockets:
            await socket.close()
        for _, writer in idle:
            writer.transport.abort()
        assert "Traceback" not in server.logged()


async def _refusal(port: int) -> str:
    """The error with which a new connection is refused."""
    socket = await RawSocket.connect(port)
    await socket.read_until_end()
    return str(socket.messages[0]["error"]["code"])

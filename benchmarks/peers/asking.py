"""One connection to a Starcast server, on which each message follows the answer to the last one."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.servers import ServerError


class Asking:
    """A WebSocket whose greeting has come."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def ask(self, message: Mapping[str, Any], answer: str) -> dict[str, Any]:
        """Send a message and return its answer, of type ``answer``. Raises ServerError for any other."""
        await self._socket.send(json.dumps(message))
        return await self.receive(answer)

    async def receive(self, answer: str) -> dict[str, Any]:
        """Return the next message, of type ``answer``. Raises ServerError for any other."""
        received: dict[str, Any] = json.loads(await self._socket.recv())
        if received["type"] != answer:
            raise ServerError(f"the server answered {received}")
        return received


@contextlib.asynccontextmanager
async def asking(port: int) -> AsyncIterator[Asking]:
    """Connect to a server of this machine for the duration of the block. Raises ServerError."""
    url = f"ws://127.0.0.1:{port}/ws/v1/classify/"
    async with connect(url, subprotocols=[Subprotocol("starcast.v1")], compression=None, proxy=None) as socket:
        server = Asking(socket)
        await server.receive("session.created")
        yield server

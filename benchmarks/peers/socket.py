"""The client of the two servers with a WebSocket."""

import json
from collections.abc import AsyncIterator, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.peers.base import Answer

_OPEN_TIMEOUT_S = 60
_NO_SEQ = -1


class SocketConnection:
    """One WebSocket with the messages of docs/protocol.md."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, seq: int, text: str) -> None:
        """Send every text, even while another is being rated."""
        try:
            await self._socket.send(json.dumps({"type": "text.update", "seq": seq, "text": text}))
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def answers(self) -> AsyncIterator[Answer]:
        """Iterate over predictions, and errors as refusals."""
        try:
            while True:
                message = json.loads(await self._socket.recv())
                if message["type"] == "prediction":
                    yield Answer(message["seq"])
                elif message["type"] == "error":
                    yield Answer(message["error"].get("seq", _NO_SEQ), refused=True)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def close(self) -> None:
        """Disconnect without the closing handshake, which a server with a backlog would delay."""
        self._socket.transport.abort()


async def connect_socket(url: str, subprotocols: Sequence[str] = ()) -> SocketConnection:
    """Connect without compression and pings, to measure only the server."""
    offered = [Subprotocol(name) for name in subprotocols]
    socket = await connect(
        url,
        subprotocols=offered or None,
        compression=None,
        ping_interval=None,
        open_timeout=_OPEN_TIMEOUT_S,
        proxy=None,
    )
    return SocketConnection(socket)

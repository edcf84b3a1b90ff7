"""WebSockets by hand: frames that no library would send, and handshakes that no library would make."""

import asyncio
import json
import socket
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tests.timing import PATIENCE_S

TEXT: Final = 0x1
CONTINUATION: Final = 0x0
CLOSE: Final = 0x8
PING: Final = 0x9
FIN: Final = 0x80

HANDSHAKE: Final = {
    b"Host": b"localhost",
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Version": b"13",
    b"Sec-WebSocket-Key": b"A" * 22 + b"==",
}


def request(headers: dict[bytes, bytes], path: bytes = b"/ws/v1/classify/", method: bytes = b"GET") -> bytes:
    lines = [method + b" " + path + b" HTTP/1.1", *(name + b": " + value for name, value in headers.items())]
    return b"\r\n".join([*lines, b"", b""])


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """A masked frame of up to 64 KiB; its mask is zero."""
    head = opcode | (FIN if fin else 0)
    if len(payload) < 126:
        return bytes((head, 0x80 | len(payload))) + b"\0\0\0\0" + payload
    return bytes((head, 0x80 | 126)) + len(payload).to_bytes(2, "big") + b"\0\0\0\0" + payload


@dataclass
class RawSocket:
    """A connection whose frames are read in the background, as far as the server sends them."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    messages: list[dict[str, Any]] = field(default_factory=list)
    pings: int = 0
    close_code: int | None = None

    @classmethod
    async def connect(cls, port: int, headers: dict[bytes, bytes] | None = None) -> Self:
        """Connect, as far as the answer to the handshake."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(HANDSHAKE | (headers or {})))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        return cls(reader, writer)

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect, and read the greeting."""
        socket = await cls.connect(port)
        await socket.read_frame()
        assert socket.messages[0]["type"] == "session.created"
        return socket

    async def read_frame(self) -> int:
        """Read one frame; return its opcode."""
        first, length = await self.reader.readexactly(2)
        if length == 126:
            length = int.from_bytes(await self.reader.readexactly(2), "big")
        payload = await self.reader.readexactly(length)
        match first & 0xF:
            case 0x1:
                self.messages.append(json.loads(payload))
            case 0x8:
                self.close_code = int.from_bytes(payload[:2], "big")
            case 0x9:
                self.pings += 1
        return first & 0xF

    async def read_until_end(self, patience_s: float = PATIENCE_S) -> None:
        """Read until the server has ended the connection."""
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    await self.read_frame()
        except (asyncio.IncompleteReadError, ConnectionError):
            self.writer.transport.abort()

    async def flood(self, frames: bytes) -> None:
        """Send as fast as the server reads, and read all answers, until the server has ended the connection."""

        async def send() -> None:
            try:
                while True:
                    self.writer.write(frames)
                    await self.writer.drain()
            except ConnectionError:
                pass

        sending = asyncio.create_task(send())
        await self.read_until_end()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


def has_ipv6() -> bool:
    """Return whether this machine speaks IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True

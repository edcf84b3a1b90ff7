"""A proxy before a real server that changes nothing, or breaks one promise."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.http11 import Request, Response
from websockets.typing import Origin, Subprotocol

from tools.servers import RunningServer

Message = dict[str, Any]
KEY = "sc_that_the_mutant_knows"
BEARER = "starcast.bearer."


@dataclass
class Memory:
    """What a mutation knows of one connection."""

    heard: list[Message] = field(default_factory=list)
    """What the client said, but for what is no message."""

    def newest(self, kind: str) -> Message:
        return next((message for message in reversed(self.heard) if message["type"] == kind), {})


@dataclass(frozen=True)
class Mutation:
    """How a server differs from ours; each part returns what goes on in place of what came."""

    heard: Callable[[Message, Memory], Sequence[Message]] = lambda message, _: [message]
    said: Callable[[Message, Memory], Sequence[Message]] = lambda message, _: [message]
    close_code: Callable[[int], int] = lambda code: code
    subprotocol: Callable[[Sequence[str], str | None], str | None] = lambda _, chosen: chosen
    http: Callable[[str, int, Message], tuple[int, Message]] = lambda _, status, body: (status, body)
    knows_key: Callable[[str], bool] = lambda key: key == KEY
    needs_key: bool = False


class _Relay:
    """Carries one WebSocket each way."""

    def __init__(self, server: RunningServer, mutation: Mutation) -> None:
        self._base = server.ws.partition("/ws/")[0]
        self._mutation = mutation
        self._upstream: dict[ServerConnection, ClientConnection] = {}

    async def admit(self, connection: ServerConnection, request: Request) -> Response | None:
        headers = request.headers
        offered = [name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
        key = headers.get("Authorization", "").removeprefix("Bearer ")
        bearer = next((name for name in offered if name.startswith(BEARER)), None)
        if bearer is not None and self._mutation.knows_key(_decoded(bearer)):
            key = _decoded(bearer)
            offered.remove(bearer)
        is_known = bool(key) and self._mutation.knows_key(key)
        if self._mutation.needs_key and not key and bearer is None and "Origin" not in headers:
            # A missing key is refused by ``carry``.
            return None
        try:
            self._upstream[connection] = await connect(
                self._base + request.path,
                subprotocols=[Subprotocol(name) for name in offered] or None,
                origin=Origin(headers["Origin"]) if "Origin" in headers and not is_known else None,
                additional_headers={"Authorization": f"Bearer {key}"} if key and not is_known else None,
                proxy=None,
                ping_interval=None,
                max_size=2**22,
            )
        except InvalidStatus as error:
            return connection.respond(error.response.status_code, "")
        return None

    def choose(self, connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        upstream = self._upstream.get(connection)
        chosen = self._mutation.subprotocol(offered, upstream.subprotocol if upstream else "starcast.v1")
        return Subprotocol(chosen) if chosen else None

    async def carry(self, connection: ServerConnection) -> None:
        upstream = self._upstream.pop(connection, None)
        if upstream is None:
            error = {"code": "key_missing", "message": "a key, please", "retryable": False}
            await connection.send(json.dumps({"type": "error", "error": error}))
            await connection.close(self._mutation.close_code(4503))
            return
        memory = Memory()
        tasks = [
            asyncio.create_task(_pass_on(connection, upstream, self._hear, memory)),
            asyncio.create_task(_pass_on(upstream, connection, self._mutation.said, memory)),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if upstream.close_code not in (None, 1005, 1006):
            await connection.close(self._mutation.close_code(upstream.close_code))
        await upstream.close()
        await asyncio.gather(*tasks)

    async def forget(self) -> None:
        """Close what was opened for a client that never came through."""
        for upstream in self._upstream.values():
            await upstream.close()

    def _hear(self, message: Message, memory: Memory) -> Sequence[Message]:
        memory.heard.append(message)
        return self._mutation.heard(message, memory)


def _decoded(bearer: str) -> str:
    encoded = bearer.removeprefix(BEARER)
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()


async def _pass_on(
    source: ClientConnection | ServerConnection,
    target: ClientConnection | ServerConnection,
    change: Callable[[Message, Memory], Sequence[Message]],
    memory: Memory,
) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for frame in source:
            try:
                message = json.loads(frame)
            except (ValueError, RecursionError):
                message = None
            if not isinstance(message, dict) or not isinstance(message.get("type"), str):
                await target.send(frame)
                continue
            for each in change(message, memory):
                await target.send(frame if each is message else json.dumps(each))


@contextlib.asynccontextmanager
async def mutant(server: RunningServer, mutation: Mutation) -> AsyncIterator[str]:
    """Run the proxy; gives its address."""
    relay = _Relay(server, mutation)
    handling: set[asyncio.Task[Any]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handling.add(task)
        task.add_done_callback(handling.discard)
        async with _closing(writer):
            head = await reader.readuntil(b"\r\n\r\n")
            if b"upgrade: websocket" in head.lower():
                await _splice(head, reader, writer, inner_port)
            else:
                writer.write(await _answer(head, reader, browser, mutation))
                await writer.drain()

    async with (
        serve(
            relay.carry, "localhost", 0, process_request=relay.admit, select_subprotocol=relay.choose,
            ping_interval=None, max_size=2**22,
        ) as inner,
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=60) as browser,
        await asyncio.start_server(handle, "localhost", 0) as outer,
    ):  # fmt: skip
        inner_port = next(iter(inner.sockets)).getsockname()[1]
        yield f"http://localhost:{outer.sockets[0].getsockname()[1]}"
        await asyncio.gather(*handling)
        await relay.forget()


@contextlib.asynccontextmanager
async def _closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    """Close in the end, since an unclosed socket would warn whenever it is garbage-collected."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        try:
            yield
        finally:
            writer.close()
            await writer.wait_closed()


async def _splice(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inner_port: int) -> None:
    inner_reader, inner_writer = await asyncio.open_connection("localhost", inner_port)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(2**16):
            target.write(data)
            await target.drain()
        target.write_eof()

    async with _closing(inner_writer):
        inner_writer.write(head)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))


async def _answer(head: bytes, reader: asyncio.StreamReader, browser: httpx.AsyncClient, mutation: Mutation) -> bytes:
    request_line, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = request_line.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    key = headers.get("authorization", "").removeprefix("Bearer ")
    kept = {name: value for name, value in headers.items() if name in ("content-type", "authorization")}
    if key and mutation.knows_key(key):
        kept.pop("authorization")
    if mutation.needs_key and not key and path.startswith("/api/v1/"):
        status, content = 401, {"error": {"code": "key_missing", "message": "a key, please", "retryable": False}}
    else:
        answer = await browser.request(method, path, content=body, headers=kept)
        status, content = answer.status_code, answer.json()
    status, content = mutation.http(path, status, content)
    reply = json.dumps(content).encode()
    return (
        f"HTTP/1.1 {status} ok\r\nContent-Type: application/json\r\nContent-Length: {len(reply)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + reply

"""A ``starcast.v1`` server whose messages are all set by the test."""

import contextlib
import json
import ssl as tls
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from starcast_client import AsyncClient, Options
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

GREETING: Final[dict[str, Any]] = {
    "type": "session.created",
    "session_id": "s",
    "protocol": "starcast.v1",
    "labels": [1, 2, 3, 4, 7, 8, 9, 10],
    "prior": [0.125] * 8,
    "model": {"name": "fake", "version": "1", "sha256": "0", "backend": "fake", "max_tokens": 512},
    "heartbeat_interval_ms": 25_000,
    "limits": {"max_message_bytes": 65_536, "max_chars": 20_000, "work_per_s": 60, "work_burst": 600, "new": 1},
    "offset_unit": "unicode_code_point",
}


HURRIED: Final = Options(backoff_first_s=0.001, backoff_cap_s=0.01, retry_first_s=0.001, retry_cap_s=0.01)


def prediction(seq: int, **fields: Any) -> dict[str, Any]:
    return {
        "type": "prediction", "seq": seq, "skipped": 0, "is_final": False, "probabilities": [0.125] * 8, "stars": 8,
        "expected_stars": 5.5, "interval": [1, 10], "positive": 0.5, "tokens": 3, "truncated": False,
        "is_prior": False, "timing_ms": {"queue": 0.1, "inference": 2.0}, "model_version": "1", "new": {}, **fields,
    }  # fmt: skip


def error(code: str, seq: int | None = None, retryable: bool = False) -> dict[str, Any]:
    body = {"code": code, "message": "as the test wants", "retryable": retryable}
    return {"type": "error", "error": body if seq is None else {**body, "seq": seq}}


class Visit:
    """One connection, as the server sees it."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.heard: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def greet(self, **fields: Any) -> None:
        await self.say(**GREETING | fields)

    async def hear(self, kind: str | None = None) -> dict[str, Any]:
        """Wait for the next message, which must be of this kind."""
        message: dict[str, Any] = json.loads(await self.connection.recv())
        self.heard.append(message)
        assert kind in (None, message["type"]), message
        return message

    async def answer_all(self) -> None:
        """Be a server that works."""
        seq = 0
        while True:
            message = await self.hear()
            match message["type"]:
                case "text.update":
                    seq = message["seq"]
                    await self.say(**prediction(seq))
                case "flush":
                    await self.say(**prediction(seq, is_final=True))
                case "explain":
                    spans = [{"begin": 0, "end": 5, "weight": 0.31, "unit": "word"}]
                    await self.say(type="explanation", seq=message["seq"], method="occlusion", spans=spans)
                case "ping":
                    await self.say(type="pong", id=message.get("id", ""))


Script = Callable[[Visit], Awaitable[None]]


@dataclass
class FakeServer:
    """Where it listens, who came, and what went wrong in a script."""

    url: str
    visits: list[Visit] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)


@contextlib.asynccontextmanager
async def fake_server(*scripts: Script, ssl: tls.SSLContext | None = None) -> AsyncIterator[FakeServer]:
    """Serve each connection by the next script, the last one by the last from then on."""
    server = FakeServer("")

    async def handle(connection: ServerConnection) -> None:
        visit = Visit(connection)
        server.visits.append(visit)
        script = scripts[min(len(server.visits), len(scripts)) - 1]
        try:
            await script(visit)
        except AssertionError as failure:
            server.failures.append(failure)
            raise

    async with serve(
        handle, "localhost", 0, subprotocols=[Subprotocol("starcast.v1")], ping_interval=None, ssl=ssl
    ) as running:
        server.url = f"{'wss' if ssl else 'ws'}://localhost:{next(iter(running.sockets)).getsockname()[1]}"
        yield server
    assert not server.failures, server.failures


async def works(visit: Visit) -> None:
    """A script: greet and answer everything."""
    await visit.greet()
    await visit.answer_all()


async def silent(visit: Visit) -> None:
    """A script: greet, and then say nothing."""
    await visit.greet()
    await visit.connection.wait_closed()


def client_of(server: FakeServer, options: Options = HURRIED, **others: Any) -> AsyncClient:
    return AsyncClient(server.url, options=options, proxy=None, **others)

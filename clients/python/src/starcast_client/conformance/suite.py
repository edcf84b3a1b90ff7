"""Checks, and the connections that they use."""

import asyncio
import json
import ssl as tls
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from starcast_client.connecting import Try, http_url, tls_arguments
from starcast_client.messages import SUBPROTOCOL

Message = dict[str, Any]


class Failed(Exception):  # noqa: N818 - reads as what it says
    """The server broke a rule."""


class Skipped(Exception):  # noqa: N818
    """The rule cannot be tested on this server."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server under test. ``timeout_s`` is the time limit of one answer."""

    url: str
    # Tracebacks show reprs, which must not contain the key.
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    ssl: tls.SSLContext | None = None
    """Whom to trust. None: the public CAs of this machine, or those that SSL_CERT_FILE names."""

    def with_key(self, api_key: str | None) -> Self:
        """Return the same server with another key, or none."""
        return replace(self, api_key=api_key)

    @asynccontextmanager
    async def open(
        self,
        path: str | None = None,
        subprotocols: Sequence[str] | None = (SUBPROTOCOL,),
        origin: str | None = None,
    ) -> AsyncIterator["Peer"]:
        """Connect without waiting for a message."""
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else None
        async with Try(
            self.url if path is None else self._ws_url(path),
            subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols else None,
            origin=Origin(origin) if origin else None,
            additional_headers=headers,
            open_timeout=self.timeout_s,
            close_timeout=2,
            max_size=2**22,
            **tls_arguments(self.url, self.ssl),
        ) as connection:
            yield Peer(connection, self.timeout_s)

    @asynccontextmanager
    async def greeted(self) -> AsyncIterator["Peer"]:
        """Connect and receive the greeting."""
        async with self.open() as peer:
            greeting = await peer.receive()
            expect(greeting["type"] == "session.created", "session.created first", greeting)
            peer.greeting = greeting
            yield peer

    async def get(self, path: str) -> tuple[int, Message]:
        """Send a GET request; return the status and the JSON object, or {} if there is none."""
        return await asyncio.to_thread(self._http, "GET", path, None)

    async def post(self, path: str, body: Message | bytes) -> tuple[int, Message]:
        """POST an object, or raw bytes; return the status and the JSON object, or {} if there is none."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await asyncio.to_thread(self._http, "POST", path, content)

    def _http(self, method: str, path: str, body: bytes | None) -> tuple[int, Message]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if self.api_key:
            headers["Authorization"] = f"Bearer {self.api_key}"
        # http or https, derived from ws or wss.
        request = urllib.request.Request(http_url(self.url, path), body, headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s, context=self.ssl) as answer:  # noqa: S310
                return answer.status, _json_object(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _json_object(error.read())

    def _ws_url(self, path: str) -> str:
        return http_url(self.url, path).replace("http", "ws", 1)


class Peer:
    """One connection to the server under test."""

    def __init__(self, connection: ClientConnection, timeout_s: float) -> None:
        self.connection = connection
        self.greeting: Message = {}
        self._timeout_s = timeout_s

    async def send(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> Message:
        """Return the next message. Raises Failed on timeout or close."""
        try:
            async with asyncio.timeout(self._timeout_s):
                message: Message = json.loads(await self.connection.recv())
        except TimeoutError:
            raise Failed(f"nothing came for {self._timeout_s:g} s") from None
        except ConnectionClosed:
            raise Failed(f"the server closed with {self.connection.close_code}") from None
        return message

    async def ask(self, kind: str, **fields: Any) -> Message:
        """Send a message, and return the next one received."""
        await self.send(kind, **fields)
        return await self.receive()

    async def rating(self, seq: int, text: str) -> Message:
        """Rate a text and return the prediction."""
        answer = await self.ask("text.update", seq=seq, text=text)
        is_ours = answer["type"] == "prediction" and answer["seq"] == seq
        expect(is_ours, f"a prediction with seq {seq}", answer)
        return answer

    async def choose(self, **options: int) -> Message:
        """Set options; return the server's confirmation."""
        answer = await self.ask("session.update", session=options)
        expect(answer["type"] == "session.updated", "session.updated", answer)
        return answer

    async def expect_nothing(self) -> None:
        """Check that no messages follow from what was sent so far."""
        answer = await self.ask("ping", id="nothing-more")
        expect((answer["type"], answer.get("id")) == ("pong", "nothing-more"), "nothing before the pong", answer)

    async def expect_error(self, code: str) -> Message:
        """Receive an error with this code. Raises Failed for anything else."""
        answer = await self.receive()
        expect(error_code(answer) == code, f"error {code}", answer)
        expect(isinstance(answer["error"].get("retryable"), bool), "retryable in the error", answer)
        return answer

    async def expect_usage(self) -> Message:
        """Receive what the connection has used. Raises Failed for anything else."""
        answer = await self.receive()
        counts = [answer.get(name) for name in ("texts", "tokens", "explanations")]
        expect(answer["type"] == "usage.report" and all(type(count) is int for count in counts), "its usage", answer)
        return answer

    async def expect_close(self, code: int) -> None:
        """Wait for the close. Raises Failed for another code, or if a message comes first."""
        try:
            async with asyncio.timeout(self._timeout_s):
                frame = await self.connection.recv()
        except ConnectionClosed:
            expect(self.connection.close_code == code, f"close code {code}", self.connection.close_code)
        except TimeoutError:
            raise Failed(f"the server did not close for {self._timeout_s:g} s") from None
        else:
            raise Failed(f"expected a close with {code}, got {_short(frame)}")


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, in words, and the function that tests it."""

    promise: str
    run: Callable[[Target], Awaitable[None]]
    is_rude: bool = False


Run = Callable[[Target], Awaitable[None]]


def check(checks: list[Check], promise: str, *, is_rude: bool = False) -> Callable[[Run], Run]:
    """Add a function to ``checks``. It returns if the rule holds, and raises Failed or Skipped otherwise."""

    def register(function: Run) -> Run:
        checks.append(Check(promise, function, is_rude))
        return function

    return register


def expect(condition: bool, expected: str, got: object) -> None:
    """Raise Failed unless the condition holds."""
    if not condition:
        raise Failed(f"expected {expected}, got {_short(got)}")


def expect_same(one: Message, other: Message) -> None:
    """Raise Failed unless two ratings have the same probabilities."""
    pairs = zip(one["probabilities"], other["probabilities"], strict=True)
    furthest = max(abs(a - b) for a, b in pairs)
    expect(furthest <= 1e-3, "the same probabilities to 1e-3", f"a difference of {furthest:.2g}")


def rates_films(greeting: Message) -> bool:
    """Whether the labels of a greeting are stars of films. Older servers rate nothing else."""
    return "labels" in greeting or "classes" not in greeting


def error_code(message: Message) -> str | None:
    """Return the code of an error message, or None for other messages."""
    return message["error"].get("code") if message.get("type") == "error" else None


def _json_object(body: bytes) -> Message:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"

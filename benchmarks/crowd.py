"""Clients that ask a server for too much, in a separate process.

``python -m benchmarks.crowd --port PORT`` prints one line of JSON: answers, refusals by code, the times from a text to
either, and the share of one core that the clients used.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.load.keystrokes import trace
from benchmarks.load.latency import Latencies
from benchmarks.load.texts import read_texts
from benchmarks.machine import raise_file_limit

CONNECTIONS: Final[dict[str, int]] = {
    "paste": 300,
    "flood": 1,
    "punctuation": 10,
    "more_punctuation": 40,
    "cjk": 10,
    "nonsense": 10,
    "signs": 10,
    "new_texts": 30,
    "long_texts": 7,
    "explain": 41,
    "get": 20,
    "files": 20,
    "words": 20,
    "bodies": 10,
    "connects": 20,
    "messages": 20,
    "pings": 20,
    "fragments": 20,
    "school": 60,
}
"""Clients of each kind. Each kind is a method of ``Crowd``."""
KINDS: Final = tuple(CONNECTIONS)

_ADDRESS: Final = "127.0.0.2"
"""All of them have one address, which is not that of the typists."""
_ELSEWHERE: Final = "127.0.0.3"
"""The address of the one that asks for an explanation beside the storm."""
_PATHS: Final = (
    "/", "/ru/", "/model/", "/about/", "/widget/", "/messages.js", "/api/docs", "/api/socket", "/api/openapi.json",
    "/api/asyncapi.json", "/api/v1/model",
)  # fmt: skip
_FILES: Final = (
    "/static/live/live-page.js", "/static/live/css/live.css", "/static/live/none.js", "/static/none", "/healthz",
    "/readyz",
)  # fmt: skip
_LARGE_BODY: Final = 2**20 - 1_024
_MESSAGES_BYTES: Final = 4 * 2**20
_PASTE_CHARS: Final = 2_000
_SHORT_CHARS: Final = 280
_RETRY_S, _RETRY_CAP_S = 0.4, 6.0
"""Pauses after consecutive refusals, as in our clients: they double up to the cap, and half of each is random."""
_BURST, _BURST_EVERY_S = 100, 0.01
"""Ten thousand messages per second. With larger bursts the client itself would be late to read refusals."""
_COME_BACK_S: Final = 1.0
NICENESS: Final = 19
"""The lowest process priority."""
_LONGEST_CHARS: Final = 20_000
_ANSWERED_S: Final = 60.0
_ARRIVING_SHARE: Final = 0.1
"""Share of the time. If all arrived at once, this would measure accepting connections, not refusals."""


class Crowd:
    """Totals of all clients."""

    def __init__(self, port: int) -> None:
        self.answers = self.elsewhere_answers = 0
        self.refusals: Counter[str] = Counter()
        self.answered_after, self.refused_after, self.elsewhere_after = Latencies(), Latencies(), Latencies()
        self.closed: Counter[int] = Counter()
        self._port = port
        self._url = f"ws://127.0.0.1:{port}/ws/v1/classify/"
        self._numbers = itertools.count()
        self._reviews = itertools.cycle(read_texts(None))

    def figures(self) -> dict[str, Any]:
        """Return the totals, with latencies in milliseconds."""
        return {
            "answers": self.answers,
            "refusals": dict(self.refusals),
            "closed": {str(code): times for code, times in self.closed.items()},
            "answered_after_ms": self.answered_after.summary_ms() if self.answers else None,
            "refused_after_ms": self.refused_after.summary_ms() if self.refusals else None,
            "elsewhere_after_ms": self.elsewhere_after.summary_ms() if self.elsewhere_answers else None,
        }

    async def paste(self) -> None:
        """Paste reviews one after another, each new to the server, as fast as they are answered, and reconnect."""
        while True:
            async with self._connection() as socket:
                with contextlib.suppress(ConnectionClosed):
                    await self._paste_into(socket)
            self.closed[socket.close_code or 0] += 1
            await asyncio.sleep(_COME_BACK_S)

    async def _paste_into(self, socket: ClientConnection) -> None:
        failures = 0
        for seq in itertools.count(1):
            sent_s = time.perf_counter()
            await socket.send(_update(seq, self._whole_review()))
            while (answer := self._take(await socket.recv(), {seq: sent_s})) is None:
                pass
            if answer == "error":
                bound_s = min(_RETRY_CAP_S, _RETRY_S * 2**failures)
                failures += 1
                await asyncio.sleep(bound_s * random.uniform(0.5, 1))  # noqa: S311 - chance, not secrecy
            else:
                failures = 0

    async def flood(self) -> None:
        """Send ten thousand messages per second, read all answers, and reconnect after each close."""
        while True:
            sent: dict[int, float] = {}
            async with self._connection() as socket:
                reading = asyncio.create_task(self._read_all(socket, sent))
                with contextlib.suppress(ConnectionClosed):
                    for seqs in _bursts():
                        for seq in seqs:
                            sent[seq] = time.perf_counter()
                            await socket.send(_update(seq, f"text {seq}"))
                        await asyncio.sleep(_BURST_EVERY_S)
                await reading
            self.closed[socket.close_code or 0] += 1
            await asyncio.sleep(_COME_BACK_S)

    async def punctuation(self) -> None:
        """Send 503 characters of punctuation three times a second, of which each is a token."""
        await self._send_often(3, _punctuation)

    async def more_punctuation(self) -> None:
        """Send 503 characters of punctuation five times a second."""
        await self._send_often(5, _punctuation)

    async def cjk(self) -> None:
        """Send 2,000 Chinese characters three times a second, of which each is a token."""
        await self._send_often(
            3, lambda number: "".join(chr(0x4E00 + (number + place) % 5_000) for place in range(2_000))
        )

    async def nonsense(self) -> None:
        """Send 20,000 characters of words of 99 letters five times a second, the longest to tokenise.

        Spaces, line breaks or punctuation are between the words.
        """
        await self._send_often(
            5, lambda number: ((f"q{number:x}" * 99)[:99] + " \n,、"[number % 4]) * (_LONGEST_CHARS // 100)
        )

    async def signs(self) -> None:
        """Send 10,000 signs without a name three times a second, where the names of emoji are looked for."""
        await self._send_often(3, lambda number: f"{'☓' * (_LONGEST_CHARS // 2)}{number}")

    async def new_texts(self) -> None:
        """Send new texts of 50 words eight times a second, each short enough to be read in one step."""
        await self._send_often(8, lambda _: self._whole_review()[:_SHORT_CHARS])

    async def long_texts(self) -> None:
        """Paste as fast as texts are answered. The first client has an address of its own and asks for explanations."""
        if next(self._numbers) == 0:
            await self._ask_for_explanations(_PASTE_CHARS, is_elsewhere=True)
        await self.paste()

    async def explain(self) -> None:
        """Ask for explanations of 20,000 characters over HTTP, and again as soon as the server says.

        The first client has an address of its own, and a shorter text.
        """
        is_elsewhere = next(self._numbers) == 0
        await self._ask_for_explanations(_PASTE_CHARS if is_elsewhere else _LONGEST_CHARS, is_elsewhere=is_elsewhere)

    async def _ask_for_explanations(self, chars: int, *, is_elsewhere: bool) -> None:
        body = json.dumps({"text": "A slow start, but a wonderful ending. " * (chars // 38)})
        while True:
            await self._request("POST", "/api/v1/explain", body, is_elsewhere=is_elsewhere)

    async def get(self) -> None:
        """Ask for all pages and descriptions again and again."""
        for path in itertools.cycle(_PATHS):
            await self._request("GET", path)

    async def files(self) -> None:
        """Ask for files of the page, for some that are not there, and for health checks again and again."""
        for path in itertools.cycle(_FILES):
            await self._request("GET", path)

    async def words(self) -> None:
        """Rate one word over HTTP again and again, and ask in ways that are refused."""
        for method, path in itertools.cycle((("POST", "predict"), ("POST", "predict"), ("GET", "feedback"))):
            await self._request(method, f"/api/v1/{path}", json.dumps({"text": f"word{next(self._numbers)}"}))

    async def bodies(self) -> None:
        """Send bodies of a megabyte that rate nothing: of lists without end, and of one text."""
        lists = '{"text":"a","x":[' + "[[]]," * (_LARGE_BODY // 5) + "1]}"
        for body in itertools.cycle((lists, json.dumps({"text": "a" * _LARGE_BODY}))):
            await self._request("POST", "/api/v1/predict", body)

    async def connects(self) -> None:
        """Connect, leave as soon as the server has greeted, and connect again."""
        while True:
            sent_s = time.perf_counter()
            async with self._connection() as socket:
                message = json.loads(await socket.recv())
            if (error := message.get("error")) is None:
                self.answers += 1
                self.answered_after.record(time.perf_counter() - sent_s)
            else:
                self.refusals[error["code"]] += 1
                self.refused_after.record(time.perf_counter() - sent_s)
                await asyncio.sleep(error.get("retry_after_ms", 0) / 1000)

    async def messages(self) -> None:
        """Send 4 MB of small messages at once, as fast as they are read, and reconnect after each close."""
        await self._send_frames(lambda socket: socket.send('{"type":"ping"}'), _MESSAGES_BYTES // 15)

    async def pings(self) -> None:
        """Send control frames as fast as they are taken, and reconnect after each close."""
        await self._send_frames(lambda socket: socket.ping())

    async def fragments(self) -> None:
        """Send messages in a thousand empty fragments each, and reconnect after each close."""
        await self._send_frames(lambda socket: socket.send([""] * 1_000))

    async def school(self) -> None:
        """Type as a pupil does, six keys a second, and again from the start after a close."""
        typed = trace(read_texts(None), "short", f"class {next(self._numbers)}")
        while True:
            sent: dict[int, float] = {}
            async with self._connection() as socket:
                reading = asyncio.create_task(self._read_all(socket, sent))
                begin = time.perf_counter()
                with contextlib.suppress(ConnectionClosed):
                    for seq, key in enumerate(typed.keys, start=1):
                        await asyncio.sleep(max(0.0, begin + key.due_s - time.perf_counter()))
                        sent[seq] = begin + key.due_s
                        await socket.send(_update(seq, key.text))
                await reading
            self.closed[socket.close_code or 0] += 1
            await asyncio.sleep(_COME_BACK_S)

    async def _send_often(self, per_s: float, text: Callable[[int], str]) -> None:
        """Send new texts at this rate, however slow the answers are, and reconnect after each close."""
        while True:
            sent: dict[int, float] = {}
            async with self._connection() as socket:
                reading = asyncio.create_task(self._read_all(socket, sent))
                with contextlib.suppress(ConnectionClosed):
                    for seq in itertools.count(1):
                        sent[seq] = time.perf_counter()
                        await socket.send(_update(seq, text(next(self._numbers))))
                        await asyncio.sleep(1 / per_s)
                await reading
            self.closed[socket.close_code or 0] += 1
            await asyncio.sleep(_COME_BACK_S)

    async def _send_frames(
        self, send: Callable[[ClientConnection], Awaitable[object]], most: int | None = None
    ) -> None:
        while True:
            async with self._connection() as socket:
                reading = asyncio.create_task(self._read_all(socket, {}))
                with contextlib.suppress(ConnectionClosed):
                    for _ in itertools.count() if most is None else range(most):
                        await send(socket)
                        await asyncio.sleep(0)
                await reading
            self.closed[socket.close_code or 0] += 1
            await asyncio.sleep(_COME_BACK_S)

    async def _request(self, method: str, path: str, body: str = "", *, is_elsewhere: bool = False) -> None:
        """Ask over HTTP, count the reply, and wait as long as it says."""
        since = time.perf_counter()
        address = _ELSEWHERE if is_elsewhere else _ADDRESS
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(address, 0))
        try:
            head = f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"
            writer.write("\r\n".join([*head, "Content-Type: application/json", "", body]).encode())
            async with asyncio.timeout(_ANSWERED_S):
                head_read, _, content = (await reader.read()).partition(b"\r\n\r\n")
            status = int(head_read.split()[1])
            error = _error_of(status, content)
        except (OSError, ValueError, IndexError):
            return
        finally:
            writer.close()
        after_s = time.perf_counter() - since
        if error is not None:
            self.refusals[error["code"]] += 1
            self.refused_after.record(after_s)
            await asyncio.sleep(error.get("retry_after_ms", 0) / 1000)
        elif is_elsewhere:
            self.elsewhere_answers += 1
            self.elsewhere_after.record(after_s)
        else:
            self.answers += 1
            self.answered_after.record(after_s)

    async def _read_all(self, socket: ClientConnection, sent: dict[int, float]) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                self._take(frame, sent)

    def _take(self, frame: str | bytes, sent: dict[int, float]) -> str | None:
        """Count an answer to a text and return its type; None for other messages."""
        message = json.loads(frame)
        error = message.get("error")
        seq = message.get("seq") if error is None else error.get("seq")
        if seq not in sent:
            return None
        if error is None:
            self.answers += 1
            self.answered_after.record(time.perf_counter() - sent[seq])
        else:
            self.refusals[error["code"]] += 1
            self.refused_after.record(time.perf_counter() - sent[seq])
        return str(message["type"])

    def _whole_review(self) -> str:
        # The number makes the text new to the server from its first token on.
        text = f"{next(self._numbers)}. {next(self._reviews)} "
        return (text * (_PASTE_CHARS // len(text) + 1))[:_PASTE_CHARS]

    def _connection(self) -> connect:
        return connect(
            self._url,
            subprotocols=[Subprotocol("starcast.v1")],
            compression=None,
            proxy=None,
            ping_interval=None,
            local_addr=(_ADDRESS, 0),
        )


def _error_of(status: int, content: bytes) -> dict[str, Any] | None:
    """The error of a reply, if it is one. That of a page has no more than its status."""
    if status < 400:
        return None
    if content.startswith(b"{"):
        error: dict[str, Any] = json.loads(content)["error"]
        return error
    return {"code": str(status), "retry_after_ms": 1_000}


def _update(seq: int, text: str) -> str:
    return json.dumps({"type": "text.update", "seq": seq, "text": text})


def _punctuation(number: int) -> str:
    """503 characters, of which each is a token."""
    return "".join(".,;:!?-"[(number * place) % 7] for place in range(503))


def _bursts() -> Iterator[range]:
    return (range(begin, begin + _BURST) for begin in itertools.count(0, _BURST))


async def run(crowd: Crowd, kind: str, connections: int, seconds: float) -> None:
    """Run the clients for ``seconds``, connecting them one after another."""
    behaviour: Callable[[], Awaitable[None]] = getattr(crowd, kind)

    async def arrive(number: int) -> None:
        await asyncio.sleep(_ARRIVING_SHARE * seconds * number / connections)
        await behaviour()

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(arrive(number) for number in range(connections)))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, default="paste")
    parser.add_argument("--connections", type=int)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--niceness", type=int, default=NICENESS)
    options = parser.parse_args(argv)
    raise_file_limit()
    # Low priority: the crowd only uses time that server and typists leave, as if on other machines.
    os.nice(options.niceness)
    crowd = Crowd(options.port)
    asyncio.run(run(crowd, options.kind, options.connections or CONNECTIONS[options.kind], options.seconds))
    print(json.dumps({**crowd.figures(), "cpu_share": round(time.process_time() / options.seconds, 3)}))


if __name__ == "__main__":
    main()

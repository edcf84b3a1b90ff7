"""Clients that overload a server, in a separate process.

``python -m benchmarks.crowd --port PORT`` prints one line of JSON: answers, refusals by code, and the time from a text
to its refusal.
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
from typing import Any, Final, Literal, get_args

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.latency import Latencies
from benchmarks.machine import raise_file_limit
from benchmarks.texts import read_texts

Kind = Literal["paste", "flood"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_PASTE_CHARS: Final = 2_000
_RETRY_S, _RETRY_CAP_S = 0.4, 6.0
"""Pauses after consecutive refusals, as in our clients: they double up to the cap, and half of each is random."""
_BURST, _BURST_EVERY_S = 100, 0.01
"""Ten thousand messages per second. With larger bursts the client itself would be late to read refusals."""
_COME_BACK_S: Final = 1.0
_POLITE: Final = 19
"""The lowest process priority."""
_ARRIVING_SHARE: Final = 0.1
"""Share of the time. If all arrived at once, this would measure accepting connections, not refusals."""


class Crowd:
    """Totals of all clients."""

    def __init__(self, port: int) -> None:
        self.answers = 0
        self.refusals: Counter[str] = Counter()
        self.refused_after = Latencies()
        self.closed: Counter[int] = Counter()
        self._url = f"ws://127.0.0.1:{port}/ws/v1/classify/"
        self._numbers = itertools.count()
        self._reviews = itertools.cycle(read_texts(None))

    def figures(self) -> dict[str, Any]:
        """Return the totals, with latencies in milliseconds."""
        return {
            "answers": self.answers,
            "refusals": dict(self.refusals),
            "closed": {str(code): times for code, times in self.closed.items()},
            "refused_after_ms": self.refused_after.summary_ms() if self.refusals else None,
        }

    async def paste(self) -> None:
        """Paste reviews one after another, each new to the server, as fast as they are answered."""
        failures = 0
        async with self._connection() as socket:
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
            self._url, subprotocols=[Subprotocol("starcast.v1")], compression=None, proxy=None, ping_interval=None
        )


def _update(seq: int, text: str) -> str:
    return json.dumps({"type": "text.update", "seq": seq, "text": text})


def _bursts() -> Iterator[range]:
    return (range(begin, begin + _BURST) for begin in itertools.count(0, _BURST))


async def run(crowd: Crowd, kind: Kind, connections: int, seconds: float) -> None:
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
    parser.add_argument("--connections", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args(argv)
    raise_file_limit()
    # Low priority: the crowd only uses time that server and typists leave, as if on other machines.
    os.nice(_POLITE)
    crowd = Crowd(options.port)
    asyncio.run(run(crowd, options.kind, options.connections, options.seconds))
    print(json.dumps(crowd.figures()))


if __name__ == "__main__":
    main()

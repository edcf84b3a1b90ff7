"""One scenario: many typists at one server. Keys are sent at their due times, however slow the answers are."""

import asyncio
import contextlib
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.load.keystrokes import Trace
from benchmarks.load.latency import Ledger, Tally
from benchmarks.peers.base import Connection
from benchmarks.servers import Usage

_OPENING_AT_ONCE: Final = 8
_OPENING_TIMEOUT_S: Final = 60
_RETRY_S: Final = 0.4
"""Seconds after a refusal, as on the page."""
_LEAD_S: Final = 0.2
"""Seconds from the last connection to the first key."""


class ScenarioError(Exception):
    """A typist could not start."""


@dataclass(frozen=True)
class Window:
    """The parts of a scenario, in seconds."""

    warmup_s: float = 5.0
    """Typing that does not count."""
    duration_s: float = 20.0
    grace_s: float = 10.0
    """Time for the newest keys to be answered after the end."""


@dataclass(frozen=True)
class Outcome:
    """The result of a scenario. CPU seconds are those within the window."""

    tally: Tally
    lost: int
    """Typists whose newest key was not answered in time."""
    disconnected: int
    server_cpu_s: float
    client_cpu_s: float
    server_rss_bytes: int
    """At the end of the window."""


class Typist:
    """Types one trace into one connection and tracks the answers."""

    def __init__(self, connection: Connection, trace: Trace, tally: Tally) -> None:
        self._connection = connection
        self._trace = trace
        self._tally = tally
        self._ledger = Ledger(tally)
        self._seq = 0
        self._text = trace.opening
        self._settled = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._listening = asyncio.create_task(self._listen())
        self._retries: set[asyncio.Task[None]] = set()
        self.disconnected = False

    async def open(self) -> None:
        """Send the initial text and wait for its rating. Raises TimeoutError, ConnectionError."""
        self._ledger.typed(self._seq, self._loop.time(), self._loop.time())
        await self._connection.send(self._seq, self._text)
        async with asyncio.timeout(_OPENING_TIMEOUT_S):
            await self._settled.wait()

    async def type_until(self, begin_s: float, end_s: float) -> None:
        """Send each key at its due time until the end; late keys are sent at once.

        Keys of a closed connection count too, as never answered.
        """
        for key in self._trace.keys:
            due_s = begin_s + key.due_s
            if due_s >= end_s:
                return
            await asyncio.sleep(max(0.0, due_s - self._loop.time()))
            self._seq, self._text = self._seq + 1, key.text
            self._settled.clear()
            self._ledger.typed(self._seq, due_s, self._loop.time())
            await self._send()

    async def settle(self) -> None:
        """Wait until the newest key is answered."""
        await self._settled.wait()

    async def leave(self) -> bool:
        """Disconnect; return whether the newest key was answered."""
        answered = self._ledger.settled
        self._ledger.give_up(self._loop.time())
        tasks = [self._listening, *self._retries]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome  # A bug of the client would invalidate the figures.
        await self._connection.close()
        return answered

    async def _listen(self) -> None:
        try:
            async for answer in self._connection.answers():
                if answer.refused:
                    self._tally.refused += self._tally.within(self._loop.time())
                    if answer.seq == self._seq:
                        self._retry_later()
                    continue
                self._ledger.answered(answer.seq, self._loop.time())
                if self._ledger.settled:
                    self._settled.set()
        except ConnectionError:
            self.disconnected = True

    def _retry_later(self) -> None:
        retry = asyncio.create_task(self._retry(self._seq))
        self._retries.add(retry)
        retry.add_done_callback(self._retries.discard)

    async def _retry(self, seq: int) -> None:
        """Send the newest text again, as a new one, unless there is a newer one by now."""
        await asyncio.sleep(_RETRY_S)
        if self._seq == seq:
            self._seq += 1
            await self._send()

    async def _send(self) -> None:
        if self.disconnected:
            return
        try:
            await self._connection.send(self._seq, self._text)
        except ConnectionError:
            self.disconnected = True


async def run_scenario(
    connect: Callable[[], Awaitable[Connection]],
    traces: Sequence[Trace],
    window: Window,
    usage: Callable[[], Usage],
) -> Outcome:
    """Type all traces at once. Raises ScenarioError if typists cannot connect."""
    loop = asyncio.get_running_loop()
    tally = Tally()
    typists: list[Typist] = []
    # Connect a few at a time: typing is measured, not a rush of connections.
    turnstile = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def arrive(trace: Trace) -> None:
        async with turnstile:
            typist = Typist(await connect(), trace, tally)
            typists.append(typist)
            await typist.open()

    try:
        async with asyncio.TaskGroup() as arrivals:
            for trace in traces:
                arrivals.create_task(arrive(trace))
        # Garbage collection of the client would count as the server's time.
        gc.collect()
        gc.freeze()
        begin_s = loop.time() + _LEAD_S
        start_s = begin_s + window.warmup_s
        end_s = start_s + window.duration_s
        tally.window_s = start_s, end_s
        typing = asyncio.gather(*(typist.type_until(begin_s, end_s) for typist in typists))
        before = await _measure_at(start_s, usage)
        after = await _measure_at(end_s, usage)
        await typing
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(window.grace_s):
                await asyncio.gather(*(typist.settle() for typist in typists))
    except* (TimeoutError, ConnectionError) as errors:
        raise ScenarioError(f"of {len(traces)} typists {len(typists)} arrived: {errors.exceptions[0]!r}") from errors
    finally:
        gc.unfreeze()
        answered = [await typist.leave() for typist in typists]
    return Outcome(
        tally,
        lost=answered.count(False),
        disconnected=sum(typist.disconnected for typist in typists),
        server_cpu_s=after[0].cpu_s - before[0].cpu_s,
        client_cpu_s=after[1] - before[1],
        server_rss_bytes=after[0].rss_bytes,
    )


async def _measure_at(at_s: float, usage: Callable[[], Usage]) -> tuple[Usage, float]:
    """Return the server's usage at that time, and the CPU seconds of this process."""
    await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))
    client_cpu_s = time.process_time()
    # In a thread: reading /proc takes milliseconds, which would delay keys.
    return await asyncio.to_thread(usage), client_cpu_s

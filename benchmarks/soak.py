"""Leaks of one server while typists come and go: memory, descriptors, threads and tasks.

``python -m benchmarks.soak`` starts its own server, and exits with status 1 if something grows.
"""

import argparse
import asyncio
import random
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from benchmarks.load.keystrokes import KINDS, trace
from benchmarks.load.latency import Tally
from benchmarks.load.texts import read_texts
from benchmarks.load.typist import Typist
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, raise_file_limit, write_json
from benchmarks.peers.collectable import COLLECTED
from benchmarks.peers.registry import PEERS, running_starcast
from benchmarks.servers import Server, ServerError, python

PROGRAM: Final = "benchmarks.soak"

_VISIT_S: Final = (2.0, 20.0)
"""Minimum and maximum duration of a visit, in seconds."""
_GROWTH_SHARE: Final = 0.05
"""Allowed growth of memory from the second to the last third of the time; the first third is warm-up."""
_LEAVE_S: Final = 2.0
"""Seconds until the server has noticed a broken connection."""
_TASKS = re.compile(rf"{COLLECTED}, (\d+) tasks")


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server holds, after garbage collection."""

    at_s: float
    rss_mib: float
    descriptors: int
    threads: int
    tasks: int


class Visitors:
    """Visitors who type for a while and leave, often in the middle of a text."""

    def __init__(self, port: int, texts: Sequence[str], seed: int) -> None:
        self.visits = 0
        self.lost = 0
        self.tally = Tally()
        self._port = port
        self._texts = texts
        self._seed = seed

    async def stay(self, until_s: float) -> None:
        """Run one visitor after another until the end."""
        loop = asyncio.get_running_loop()
        while loop.time() < until_s:
            number = self.visits
            self.visits += 1
            rng = random.Random(f"{self._seed}-{number}")  # noqa: S311 - chance, not secrecy
            typing = trace(self._texts, rng.choice(list(KINDS)), f"{self._seed}-{number}")
            typist = Typist(await PEERS["starcast"].connect(self._port), typing, self.tally)
            try:
                await typist.open()
                now = loop.time()
                await typist.type_until(now, min(now + rng.uniform(*_VISIT_S), until_s))
                if stays_to_the_end := rng.random() < 0.5:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(typist.settle(), timeout=10)
            finally:
                answered = await typist.leave()
            self.lost += stays_to_the_end and not answered


async def soak(server: Server, crowd: int, duration_s: float, every_s: float, seed: int) -> dict[str, Any]:
    """Run the crowd. Sample the server without visitors at the start and the end, and with visitors in between."""
    loop = asyncio.get_running_loop()
    visitors = Visitors(server.port, read_texts(None), seed)
    # One visit each before the first sample, so that one-time costs are not counted.
    await asyncio.gather(*(visitors.stay(loop.time() + 1) for _ in range(crowd)))
    begin_s = loop.time()
    quiet = await _sample(server, begin_s)
    until_s = begin_s + duration_s
    visitors.tally.window_s = begin_s, until_s
    staying = asyncio.gather(*(visitors.stay(until_s) for _ in range(crowd)))
    samples = [quiet]
    while loop.time() + every_s < until_s:
        await asyncio.sleep(every_s)
        samples.append(await _sample(server, begin_s))
        print(_line(samples[-1]), flush=True)
    await staying
    samples.append(await _sample(server, begin_s))
    print(_line(samples[-1]), flush=True)
    return {
        "crowd": crowd,
        "visits": visitors.visits,
        "keys": visitors.tally.keys,
        "lost_last_keys": visitors.lost,
        "refused": visitors.tally.refused,
        "latency_ms": visitors.tally.latencies.summary_ms(),
        "samples": [asdict(sample) for sample in samples],
        "grown": grown(samples),
    }


def grown(samples: Sequence[Sample]) -> list[str]:
    """Return what grew: memory from the second to the last third, everything else from start to end."""
    first, *busy, last = samples
    found = [
        f"{name}: {getattr(first, name)} before, {getattr(last, name)} after"
        for name in ("descriptors", "threads", "tasks")
        if getattr(last, name) > getattr(first, name)
    ]
    third = len(busy) // 3
    if third:
        middle, end = (median(sample.rss_mib for sample in part) for part in (busy[third : 2 * third], busy[-third:]))
        if end > middle * (1 + _GROWTH_SHARE):
            found.append(f"memory: {middle:.0f} MiB in the second third, {end:.0f} MiB in the last")
    return found


async def _sample(server: Server, begin_s: float) -> Sample:
    await asyncio.sleep(_LEAVE_S)
    sample = await asyncio.to_thread(_collected, server)
    return replace(sample, at_s=round(asyncio.get_running_loop().time() - begin_s, 1))


def _collected(server: Server) -> Sample:
    server.process.send_signal(signal.SIGUSR1)
    for line in server.process.stdout or ():
        if match := _TASKS.match(line):
            process = psutil.Process(server.process.pid)
            rss_mib = round(process.memory_info().rss / 2**20, 1)
            return Sample(0, rss_mib, process.num_fds(), process.num_threads(), int(match[1]))
    raise ServerError("the server ended")


def _line(sample: Sample) -> str:
    return (
        f"{sample.at_s:7.0f} s  {sample.rss_mib:7.1f} MiB  {sample.descriptors:5} descriptors  "
        f"{sample.threads:3} threads  {sample.tasks:5} tasks"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="duration (%(default)s)")
    parser.add_argument("--crowd", type=int, default=50, help="visitors at a time (%(default)s)")
    parser.add_argument("--every-s", type=float, default=15.0, help="seconds between samples (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the visits and their texts (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    raise_file_limit()
    about = begin(PROGRAM, argv)
    command = python("-m", "benchmarks.peers.collectable", "--port", "0")
    try:
        log = options.output / "logs" / "soak.log"
        with running_starcast(options.checkpoint, options.threads, log, command) as server:
            duration_s = options.minutes * 60
            figures = asyncio.run(soak(server, options.crowd, duration_s, options.every_s, options.seed))
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_json(options.output, "soak.json", {**about, **figures})
    latency = figures["latency_ms"]
    print(
        f"{figures['visits']} visits, {figures['keys']} keys, p50 {latency['p50']} ms, p99 {latency['p99']} ms, "
        f"{figures['lost_last_keys']} newest texts lost, {figures['refused']} refused"
    )
    for each in figures["grown"]:
        print(f"grew: {each}")
    return 1 if figures["grown"] or figures["lost_last_keys"] else 0


if __name__ == "__main__":
    raise SystemExit(main())

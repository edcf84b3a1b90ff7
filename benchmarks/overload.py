"""Latency of typists while other clients overload the server.

``python -m benchmarks.overload`` measures a few typists alone and next to each kind of crowd, which has one address and
is within its limits: pasters, floods, texts that are all tokens, storms of explanations, a class of 60 and so on.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.crowd import CONNECTIONS, KINDS, NICENESS
from benchmarks.load.keystrokes import trace
from benchmarks.load.texts import read_texts
from benchmarks.load.typist import ScenarioError, Window, run_scenario
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, raise_file_limit, write_json
from benchmarks.peers.base import Launch
from benchmarks.peers.registry import PEERS, prepare_starcast, starcast_environment
from benchmarks.servers import REPOSITORY, ServerError, python, running
from benchmarks.typists import figures

PROGRAM: Final = "benchmarks.overload"

ALONE: Final = "alone"
CASES: Final = (ALONE, *KINDS)


def measure(options: argparse.Namespace, launch: Launch, beside: str) -> dict[str, Any]:
    """Run typists at a fresh server, ``alone`` or next to a crowd. Raises ScenarioError, ServerError."""
    starcast = PEERS["starcast"]
    texts = read_texts(options.data)
    traces = [trace(texts, "short", f"{options.seed}-short-{number}") for number in range(options.typists)]
    window = Window(options.warmup_s, options.duration_s)
    log = options.output / "logs" / f"overload-{beside}.log"
    with running(starcast.command(launch), _environment(launch), log) as server:
        connections = options.connections if beside == "paste" else CONNECTIONS.get(beside, 0)
        seconds = window.warmup_s + window.duration_s + options.arriving_s
        with _crowd(server.port, beside, connections, seconds, options.niceness) as others:
            outcome = asyncio.run(run_scenario(partial(starcast.connect, server.port), traces, window, server.usage))
            record = {"beside": beside, "server": server.announcement, **figures(outcome, window.duration_s)}
            if others is not None:
                printed, _ = others.communicate()
                record["crowd"] = {"connections": connections, **json.loads(printed)}
    return record


def _environment(launch: Launch) -> dict[str, str]:
    """Settings of a server with its usual rates."""
    environment = starcast_environment(launch)
    del environment["STARCAST_ADDRESS_FACTOR"]
    return environment


@contextlib.contextmanager
def _crowd(
    port: int, kind: str, connections: int, seconds: float, niceness: int
) -> Iterator[subprocess.Popen[str] | None]:
    if kind == ALONE:
        yield None
        return
    command = python(
        *("-m", "benchmarks.crowd", "--port", str(port), "--kind", kind),
        *("--connections", str(connections), "--seconds", str(seconds)),
        *("--niceness", str(niceness)),
    )
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own
        try:
            yield process
        finally:
            process.terminate()


def line(record: dict[str, Any]) -> str:
    """Return one run as a line of text."""
    latency = record["latency_ms"]
    text = f"{record['beside']:16}" + "".join(f"  {name} {latency[name]:6.1f} ms" for name in ("p50", "p95", "p99"))
    text += f"  lost {record['lost_last_keys']}  refused {record['refused']}"
    if others := record.get("crowd"):
        text += f"  crowd: {others['answers']} answers, refused {others['refusals']}, closed {others['closed']}"
        for what in ("answered", "refused", "elsewhere"):
            if after := others[f"{what}_after_ms"]:
                text += (
                    f", {what} after p50 {after['p50']:.1f} ms  p95 {after['p95']:.1f} ms  p99 {after['p99']:.1f} ms"
                )
        text += f", {others['cpu_share']:.0%} of a core"
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    add = parser.add_argument
    add("--typists", type=int, default=8, help="number of typists (%(default)s)")
    add("--beside", nargs="+", choices=CASES, default=CASES, help="cases to measure (default: all)")
    add("--connections", type=int, default=CONNECTIONS["paste"], help="size of the crowd that pastes (%(default)s)")
    add("--rounds", type=int, default=3, help="rounds of all cases (%(default)s)")
    add("--duration-s", type=float, default=15.0, help="measured seconds (%(default)s)")
    add("--warmup-s", type=float, default=5.0, help="seconds of typing before the measurement (%(default)s)")
    add("--arriving-s", type=float, default=5.0, help="extra seconds of the crowd while typists connect (%(default)s)")
    add("--niceness", type=int, default=NICENESS, help="priority of the crowd, 0 to 19, the lowest (%(default)s)")
    add("--seed", type=int, default=1, help="seed of keys and their times (%(default)s)")
    add("--data", type=Path, help="archive to type from (default: the tests' reviews)")
    add("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    add("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    add("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    raise_file_limit()
    about = begin(PROGRAM, argv)
    runs: list[dict[str, Any]] = []
    try:
        with tempfile.TemporaryDirectory() as data_dir:
            launch = Launch(options.checkpoint, options.threads, Path(data_dir), gradio_python=sys.executable)
            prepare_starcast(_environment(launch))
            for beside in options.rounds * options.beside:
                runs.append(measure(options, launch, beside))
                print(line(runs[-1]), flush=True)
                write_json(options.output, "overload.json", {**about, "typists": options.typists, "runs": runs})
    except (ScenarioError, ServerError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

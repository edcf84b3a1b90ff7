"""Latency while many people type: Starcast, two peers, and the forward pass alone.

``python -m benchmarks.typists`` measures each number of typists at each server, each in a fresh run; ``--find-limit``
searches for the maximum of each. See docs/benchmarks.md for the method.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.inference.floor import floor_passes, measure_floor
from benchmarks.load.keystrokes import KINDS, Kind, Rhythm, trace
from benchmarks.load.limit import find_limit
from benchmarks.load.texts import read_texts
from benchmarks.load.typist import Outcome, ScenarioError, Window, run_scenario
from benchmarks.machine import (
    DEFAULT_CHECKPOINT,
    DEFAULT_OUTPUT,
    begin,
    default_gradio_python,
    on_cores,
    parse_cores,
    raise_file_limit,
    write_json,
)
from benchmarks.peers.base import Launch
from benchmarks.peers.registry import PEERS
from benchmarks.servers import ServerError, running
from model_core.plurals import counted

PROGRAM: Final = "benchmarks.typists"
FLOOR: Final = "floor"

Record = dict[str, Any]


class Bench:
    """Runs scenarios with the options of the command line."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._texts = read_texts(options.data)
        self._rhythm = Rhythm(keys_per_s=options.keys_per_s)
        self._window = Window(options.warmup_s, options.duration_s)

    def measure(self, name: str, kind: Kind, typists: int) -> Record:
        """Run one scenario at a fresh server; print and return its figures."""
        options, peer = self._options, PEERS[name]
        record: Record = {"peer": name, "kind": kind, "typists": typists}
        traces = [
            trace(self._texts, kind, f"{options.seed}-{kind}-{number}", self._rhythm) for number in range(typists)
        ]
        log = options.output / "logs" / f"{name}-{kind}-{typists}.log"
        with tempfile.TemporaryDirectory() as data_dir:
            launch = Launch(options.checkpoint, options.threads, Path(data_dir), options.gradio_python)
            with running(peer.command(launch), peer.environment(launch), log, options.server_cores) as server:
                connect = partial(peer.connect, server.port)
                record["server"] = server.announcement
                with on_cores(options.client_cores):
                    try:
                        outcome = asyncio.run(run_scenario(connect, traces, self._window, server.usage))
                        record |= figures(outcome, self._window.duration_s)
                    except ScenarioError as error:
                        record["failed"] = str(error)
        print(line(record), flush=True)
        return record

    def floor(self, kind: Kind) -> Record:
        """Measure the forward pass on the server's cores, over the keys of the first typist."""
        options = self._options
        first = trace(self._texts, kind, f"{options.seed}-{kind}-0", self._rhythm)
        with on_cores(options.server_cores):
            measured = measure_floor(
                floor_passes(options.checkpoint, options.threads), first.keys, self._window.duration_s
            )
        for name, times in measured.items():
            print(
                f"{FLOOR:9} {kind:5} {name:7} p50 {_ms(times['p50'])}  p95 {_ms(times['p95'])}  p99 {_ms(times['p99'])}"
            )
        return {"kind": kind, **measured}

    def bears(self, name: str, kind: Kind, runs: list[Record], typists: int) -> bool:
        """Return whether a run with this many typists is fast enough, and append it to ``runs``."""
        record = self.measure(name, kind, typists)
        runs.append(record)
        p95 = None if "failed" in record else record["latency_ms"]["p95"]
        return p95 is not None and p95 < self._options.limit_ms and not record["lost_last_keys"]


def figures(outcome: Outcome, duration_s: float) -> Record:
    """Return the figures of a scenario as they are written."""
    tally = outcome.tally
    return {
        "keys": tally.keys,
        "keys_per_s": round(tally.keys / duration_s, 2),
        "answers_per_s": round(tally.answers / duration_s, 2),
        "latency_ms": tally.latencies.summary_ms(),
        "client_lateness_ms": tally.lateness.summary_ms(),
        "lost_last_keys": outcome.lost,
        "disconnected": outcome.disconnected,
        "refused": tally.refused,
        "server_cpu_s": round(outcome.server_cpu_s, 3),
        "client_cpu_s": round(outcome.client_cpu_s, 3),
        "server_rss_mib": round(outcome.server_rss_bytes / 2**20, 1),
        "latency_histogram_us": tally.latencies.encoded(),
    }


def line(record: Record) -> str:
    """Return one scenario as a line of text."""
    scenario = f"{record['peer']:9} {record['kind']:5} {record['typists']:5} typists"
    if "failed" in record:
        return f"{scenario}  failed: {record['failed']}"
    latency = "  ".join(f"{name} {_ms(value)}" for name, value in record["latency_ms"].items())
    return (
        f"{scenario}  {latency}  {record['answers_per_s']:7.1f} answers/s  lost {record['lost_last_keys']}  "
        f"server {record['server_cpu_s']:.1f} CPU s, {record['server_rss_mib']:.0f} MiB  "
        f"client {record['client_cpu_s']:.1f} CPU s, late p99 {_ms(record['client_lateness_ms']['p99'])}"
    )


def _ms(value: float | None) -> str:
    return "     none" if value is None else f"{value:6.1f} ms"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
        unknown = set(options.peers) - {*PEERS, FLOOR} or set(options.kinds) - set(KINDS)
        if unknown:
            parser.error(f"there is no {', '.join(sorted(unknown))}")
        bench = Bench(options)
    except ValueError as error:
        parser.error(str(error))
    raise_file_limit()
    about = begin(PROGRAM, argv)
    chosen = {name: _plain(value) for name, value in vars(options).items()}
    content: Record = {**about, "options": chosen}
    try:
        if options.find_limit:
            _search(bench, options, content)
        else:
            _compare(bench, options, content)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _compare(bench: Bench, options: argparse.Namespace, content: Record) -> None:
    content |= {"floor": [], "scenarios": []}
    for kind in options.kinds:
        if FLOOR in options.peers:
            content["floor"].append(bench.floor(kind))
        for typists in options.typists:
            # Peers take turns at each number, so that disturbances affect all of them.
            for name in options.peers:
                if name != FLOOR:
                    content["scenarios"].append(bench.measure(name, kind, typists))
                    write_json(options.output, "typists.json", content)
    write_json(options.output, "typists.json", content)


def _search(bench: Bench, options: argparse.Namespace, content: Record) -> None:
    content["limits"] = []
    for kind in options.kinds:
        for name in options.peers:
            if name == FLOOR:
                continue
            runs: list[Record] = []
            limit = find_limit(partial(bench.bears, name, kind, runs), options.most_typists)
            print(f"{name:9} {kind:5} bears {counted(limit, 'typist')}", flush=True)
            content["limits"].append({"peer": name, "kind": kind, "typists": limit, "runs": runs})
            write_json(options.output, "limits.json", content)


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Path) else value


def _names(listed: str) -> list[str]:
    return [name.strip() for name in listed.split(",")]


def _numbers(listed: str) -> list[int]:
    if not all(number.strip().isdecimal() and int(number) for number in listed.split(",")):
        raise argparse.ArgumentTypeError(f"{listed!r} names no numbers of typists: write such as 1,16,256")
    return [int(number) for number in listed.split(",")]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    add = parser.add_argument
    add(
        "--peers",
        type=_names,
        default=[*PEERS, FLOOR],
        help=f"servers to measure: {', '.join(PEERS)}, {FLOOR} (default: all)",
    )
    add("--typists", type=_numbers, default=[1, 4, 16, 64, 256], help="numbers of typists (1,4,16,64,256)")
    add("--kinds", type=_names, default=list(KINDS), help=f"kinds of text: {', '.join(KINDS)} (default: all)")
    add("--duration-s", type=float, default=20.0, help="measured seconds (%(default)s)")
    add("--warmup-s", type=float, default=5.0, help="seconds of typing before the measurement (%(default)s)")
    add("--keys-per-s", type=float, default=6.0, help="mean keys per second of a typist (%(default)s)")
    add("--seed", type=int, default=1, help="seed of keys and their times (%(default)s)")
    add(
        "--data", type=Path, help="archive of the Large Movie Review Dataset to type from (default: the tests' reviews)"
    )
    add("--find-limit", action="store_true", help="find the maximum number of typists with p95 below --limit-ms")
    add("--limit-ms", type=float, default=100.0, help="maximum p95 in milliseconds (%(default)s)")
    add("--most-typists", type=int, default=1024, help="upper end of the search (%(default)s)")
    add("--server-cores", type=parse_cores, help="CPU cores of the server, such as 0,2-3 (default: all)")
    add("--client-cores", type=parse_cores, help="CPU cores of the client (default: all)")
    add("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    add("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    add("--gradio-python", default=default_gradio_python(), help="Python that has Gradio (%(default)s)")
    add("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())

"""Memory per idle connection, at a thousand connections, after garbage collection.

``python -m benchmarks.idle`` starts its own server.
"""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, raise_file_limit, write_json
from benchmarks.peers.collectable import COLLECTED
from benchmarks.peers.registry import PEERS, running_starcast
from benchmarks.servers import Server, ServerError, python
from model_core.plurals import counted

PROGRAM: Final = "benchmarks.idle"

_FIRST: Final = 10
"""Connections before the first measurement, so that one-time costs are not counted."""
_AT_ONCE: Final = 50
_SPARE_FILES: Final = 100
_GREETING_S: Final = 1.0
"""The handshake ends slightly before the server has set up the connection."""


async def measure(server: Server, connections: int) -> dict[str, Any]:
    """Return resident memory before and after opening ``connections``, and the memory of each."""
    connect = PEERS["starcast"].connect
    held = [await connect(server.port) for _ in range(_FIRST)]
    try:
        before = await asyncio.to_thread(_collected_rss_bytes, server)
        for opened in range(0, connections, _AT_ONCE):
            count = min(_AT_ONCE, connections - opened)
            held += await asyncio.gather(*(connect(server.port) for _ in range(count)))
        after = await asyncio.to_thread(_collected_rss_bytes, server)
    finally:
        for connection in held:
            await connection.close()
    return {
        "connections": connections,
        "rss_before_mib": round(before / 2**20, 2),
        "rss_after_mib": round(after / 2**20, 2),
        "kib_per_connection": round((after - before) / 1024 / connections, 1),
    }


def _collected_rss_bytes(server: Server) -> int:
    time.sleep(_GREETING_S)
    server.process.send_signal(signal.SIGUSR1)
    for line in server.process.stdout or ():
        if line.startswith(COLLECTED):
            return server.usage().rss_bytes
    raise ServerError("the server ended")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument("--connections", type=int, default=1_000, help="number of connections (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    if options.connections + _FIRST + _SPARE_FILES > (files := raise_file_limit()):
        parser.error(f"this process may open {files} files only: raise `ulimit -Hn`, or take fewer --connections")
    about = begin(PROGRAM, argv)
    command = python("-m", "benchmarks.peers.collectable", "--port", "0")
    try:
        log = options.output / "logs" / "idle.log"
        with running_starcast(options.checkpoint, options.threads, log, command) as server:
            figures = {"server": server.announcement, **asyncio.run(measure(server, options.connections))}
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"{counted(figures['connections'], 'connection')}: {figures['rss_before_mib']} MiB before, "
        f"{figures['rss_after_mib']} MiB after, {figures['kib_per_connection']} KiB each"
    )
    write_json(options.output, "idle.json", {**about, **figures})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

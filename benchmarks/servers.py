"""Runs a server process on given cores, and measures its CPU and memory."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.machine import on_cores

REPOSITORY: Final = Path(__file__).resolve().parent.parent

_ADDRESS = re.compile(r"Serving http://[^:]+:(\d+)/")
_STOP_WITHIN_S = 20
_LOG_TAIL_CHARS = 2_000


class ServerError(Exception):
    """The server does not start."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU and memory of a server and its children."""

    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True)
class Server:
    """A running server that listens on ``port``."""

    process: subprocess.Popen[str]
    port: int
    announcement: str
    """The line that says which model it loaded."""

    def usage(self) -> Usage:
        """Return CPU seconds so far and resident memory."""
        main = psutil.Process(self.process.pid)
        family = [main, *main.children(recursive=True)]
        times = [process.cpu_times() for process in family]
        return Usage(
            sum(each.user + each.system for each in times), sum(process.memory_info().rss for process in family)
        )


@contextlib.contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, cores: frozenset[int] | None = None
) -> Iterator[Server]:
    """Run a server for the duration of the block, with its errors in ``log``. Raises ServerError if it does not start.

    The server must print ``Serving http://HOST:PORT/`` once it listens, after a line about its model.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stderr, on_cores(cores):
        process = subprocess.Popen(  # noqa: S603 - commands of this package only
            command,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    try:
        yield _await_start(process, log)
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            # A server with an endless backlog may not exit by itself.
            process.wait(timeout=_STOP_WITHIN_S)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def python(*arguments: str, interpreter: str | None = None) -> list[str]:
    """Return a command of this Python, or of another one."""
    return [interpreter or sys.executable, *arguments]


def _await_start(process: subprocess.Popen[str], log: Path) -> Server:
    lines: list[str] = []
    for line in process.stdout or ():
        lines.append(line.strip())
        if match := _ADDRESS.search(line):
            return Server(process, int(match[1]), " ".join(lines[:-1]))
    logged = log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARS:]
    raise ServerError(f"{' '.join(map(str, process.args))} does not start:\n{logged}")  # type: ignore[arg-type]

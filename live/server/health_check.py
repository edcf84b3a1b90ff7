"""The health check of the container: ``python -m live.server.health_check``.

Docker starts a container anew when its process ends, and only notes when it does not answer. So after several failures
in a row, such as those of a model thread that hangs, this asks the server to stop. It counts from the first success on:
a server that still starts is not to be stopped for that.
"""

import argparse
import contextlib
import os
import signal
import sys
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Final

TIMEOUT_S: Final = 8.0
_FAILURES: Final = Path("/dev/shm/starcast-failures")  # noqa: S108 - the container's own, and writable in every one
_DIGITS: Final = 4


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 where a text is rated or the model is busy, and 1 where it is not."""
    parser = argparse.ArgumentParser(prog="python -m live.server.health_check", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    parser.add_argument("--timeout-s", type=float, default=TIMEOUT_S, help="(default: %(default)s)")
    parser.add_argument("--stop", type=int, metavar="PID", help="process to stop after too many failures in a row")
    parser.add_argument("--after", type=int, default=4, metavar="N", help="that many (default: %(default)s)")
    parser.add_argument("--failures", type=Path, default=_FAILURES, help="file of their number (default: %(default)s)")
    options = parser.parse_args(argv)
    if _is_ready(options.port, options.timeout_s):
        _write(options.failures, 0)
        return 0
    failures = _read(options.failures)
    if failures is None:
        return 1
    _write(options.failures, failures + 1)
    if options.stop is not None and failures + 1 >= options.after:
        options.failures.unlink(missing_ok=True)
        with contextlib.suppress(ProcessLookupError):
            os.kill(options.stop, signal.SIGTERM)
    return 1


def _is_ready(port: int, timeout_s: float) -> bool:
    # Not through a proxy that the environment may name: this is the same machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=timeout_s):
            return True
    except (OSError, HTTPException):  # Also an answer that is none.
        return False


def _read(file: Path) -> int | None:
    """How many failures there were since the last success; None where there was no success yet."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _write(file: Path, failures: int) -> None:
    try:
        # Over what is there, which a full disk has room for.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as opened:
            opened.write(f"{failures:0{_DIGITS}}")
    except OSError as error:
        print(f"cannot count failures: {error}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())

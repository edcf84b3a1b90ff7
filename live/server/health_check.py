"""The health check of the container: ``python -m live.server.health_check``.

Docker restarts a container whose process exits, but not one that is unhealthy. So after several failures in a row,
such as with a hanging model thread, this asks the server to stop. Failures before the first success do not count: the
server may still be starting.
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
    """Return 0 if a text is rated or the model is busy, else 1."""
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
    # Ignore proxies of the environment: the server is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=timeout_s):
            return True
    except (OSError, HTTPException):  # Includes invalid HTTP responses.
        return False


def _read(file: Path) -> int | None:
    """Return the number of failures since the last success, or None before the first success."""
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _write(file: Path, failures: int) -> None:
    try:
        # Overwrite in place, which works on a full disk.
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="ascii") as opened:
            opened.write(f"{failures:0{_DIGITS}}")
    except OSError as error:
        print(f"cannot count failures: {error}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())

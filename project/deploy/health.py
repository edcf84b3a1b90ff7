"""The health check of the container: ``python -m project.deploy.health``.

Docker starts a container anew when its process ends, and only notes when it does not answer. So after several failures
in a row, such as those of a model thread that hangs, this asks the server to stop.
"""

import argparse
import contextlib
import os
import signal
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_FAILURES: Final = Path(tempfile.gettempdir()) / "starcast-failures"


def main(argv: Sequence[str] | None = None) -> int:
    """Return 0 where a text is rated, and 1 where it is not."""
    parser = argparse.ArgumentParser(prog="python -m project.deploy.health", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="(default: %(default)s)")
    parser.add_argument("--timeout-s", type=float, default=8.0, help="(default: %(default)s)")
    parser.add_argument("--stop", type=int, metavar="PID", help="process to stop after too many failures in a row")
    parser.add_argument("--after", type=int, default=4, metavar="N", help="that many (default: %(default)s)")
    parser.add_argument("--failures", type=Path, default=_FAILURES, help="file of their number (default: %(default)s)")
    options = parser.parse_args(argv)
    if _is_ready(options.port, options.timeout_s):
        options.failures.unlink(missing_ok=True)
        return 0
    failures = _read(options.failures) + 1
    options.failures.write_text(str(failures), encoding="ascii")
    if options.stop is not None and failures >= options.after:
        options.failures.unlink()
        with contextlib.suppress(ProcessLookupError):
            os.kill(options.stop, signal.SIGTERM)
    return 1


def _is_ready(port: int, timeout_s: float) -> bool:
    # Not through a proxy that the environment may name: this is the same machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/readyz", timeout=timeout_s):
            return True
    except OSError:
        return False


def _read(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The ``starcast-conformance`` command: one line a promise, and an exit status."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from websockets.exceptions import WebSocketException

from starcast_client.cli import add_key_argument
from starcast_client.conformance import bad_input, numbers, opening, sequence, watching
from starcast_client.conformance.suite import Check, Failed, Skipped, Target
from starcast_client.connecting import socket_url

CHECKS = (*opening.CHECKS, *sequence.CHECKS, *bad_input.CHECKS, *numbers.CHECKS, *watching.CHECKS)
"""Every promise, in the order in which it is tried."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite; 0 if every promise is kept, 1 if one is not, 2 if there is no server to ask."""
    parser = argparse.ArgumentParser(
        prog="starcast-conformance",
        description="Holds a server to the protocol starcast.v1: PASS, FAIL or SKIP for each promise.",
        epilog="Exit status: 0 no promise is broken, 1 at least one is, 2 the server cannot be reached.",
    )
    parser.add_argument("url", metavar="URL", help="like ws://localhost:8000 or https://example.org")
    parser.add_argument("--flood", action="store_true", help="test the rate limit too, by sending far too much")
    parser.add_argument("--timeout", type=float, default=10.0, metavar="SECONDS", help="for one answer (default: 10)")
    add_key_argument(parser)
    arguments = parser.parse_args(argv)
    try:
        target = Target(socket_url(arguments.url), arguments.key, arguments.timeout)
    except ValueError as error:
        parser.error(str(error))
    return asyncio.run(run_all(target, with_flood=arguments.flood))


async def run_all(target: Target, with_flood: bool = False) -> int:
    """Run all checks and print a line for each; return the exit status."""
    try:
        async with target.open():
            pass
    except (OSError, WebSocketException) as error:
        print(f"no server at {target.url}: {error}", file=sys.stderr)
        return 2
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    for check in CHECKS:
        verdict, detail = await _run(check, target, with_flood)
        counts[verdict] += 1
        print(f"{verdict} {check.promise}{f' -- {detail}' if detail else ''}", flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["FAIL"] else 0


async def _run(check: Check, target: Target, with_flood: bool) -> tuple[str, str]:
    if check.is_rude and not with_flood:
        return "SKIP", "only with --flood"
    try:
        await check.run(target)
    except Skipped as reason:
        return "SKIP", str(reason)
    except Failed as reason:
        return "FAIL", str(reason)
    except (OSError, WebSocketException, LookupError, TypeError, ValueError) as error:
        # An answer of another shape, or a connection that broke, is a broken promise too.
        return "FAIL", f"{type(error).__name__}: {error}"
    return "PASS", ""


if __name__ == "__main__":
    sys.exit(main())

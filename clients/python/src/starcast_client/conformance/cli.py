"""The ``starcast-conformance`` command: one line per rule, and an exit status."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from websockets.exceptions import WebSocketException

from starcast_client.cli import add_server_arguments, context_of, until_nobody_reads
from starcast_client.conformance import (
    bad_input,
    explaining,
    flood,
    http_twin,
    keys,
    numbers,
    opening,
    options,
    sequence,
    watching,
)
from starcast_client.conformance.suite import Check, Failed, Peer, Skipped, Target, error_code
from starcast_client.connecting import PATIENCE_S, explained, silence, socket_url

_PARTS = (opening, keys, sequence, options, bad_input, numbers, explaining, http_twin, watching, flood)
CHECKS = tuple(check for part in _PARTS for check in part.CHECKS)
"""All checks, in the order in which they run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the suite. Returns 0 if all checks pass, 1 if one fails, 2 if no server lets us in."""
    parser = argparse.ArgumentParser(
        prog="starcast-conformance",
        description="Test a server against the protocol starcast.v1: PASS, FAIL or SKIP for each rule.",
        epilog="Exit status: 0 if no rule is broken, 1 if one is, 2 if no server lets us in.",
    )
    parser.add_argument("url", metavar="URL", help="such as ws://localhost:8000 or https://example.org")
    parser.add_argument("--flood", action="store_true", help="also test the rate limit, by sending far too much")
    parser.add_argument(
        "--timeout", type=float, default=10.0, metavar="SECONDS", help="time limit of one answer (default: 10)"
    )
    add_server_arguments(parser)
    arguments = parser.parse_args(argv)
    try:
        target = Target(socket_url(arguments.url), arguments.key, arguments.timeout, context_of(arguments))
    except ValueError as error:
        parser.error(str(error))
    return until_nobody_reads(lambda: asyncio.run(run_all(target, with_flood=arguments.flood)))


async def run_all(target: Target, with_flood: bool = False) -> int:
    """Run all checks and print a line for each; return the exit status."""
    slow = asyncio.get_running_loop().call_later(PATIENCE_S, _say_it_is_slow, target)
    try:
        async with target.open() as peer:
            refusal = await _refusal(peer, target)
    except (OSError, WebSocketException) as error:
        print(f"no server at {target.url}: {explained(error)}", file=sys.stderr)
        return 2
    finally:
        slow.cancel()
    if refusal is not None:
        print(f"{target.url} {refusal}", file=sys.stderr)
        return 2
    counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
    for check in CHECKS:
        verdict, detail = await _run(check, target, with_flood)
        counts[verdict] += 1
        print(f"{verdict} {check.promise}{f' -- {detail}' if detail else ''}", flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 1 if counts["FAIL"] else 0


def _say_it_is_slow(target: Target) -> None:
    print(f"{target.url}: {silence(target.url, PATIENCE_S)}; waiting for up to {target.timeout_s:g} s", file=sys.stderr)


async def _refusal(peer: Peer, target: Target) -> str | None:
    """Return why every check would fail, if it would: the key."""
    try:
        answer = await peer.receive()
        code = error_code(answer)
        if code in ("key_missing", "key_invalid"):
            which = "with this key" if target.api_key else "without a key"
            return f"refuses the connection {which}: {code}: {answer['error'].get('message')}"
    except (Failed, LookupError, TypeError, ValueError, AttributeError):
        pass
    return None


async def _run(check: Check, target: Target, with_flood: bool) -> tuple[str, str]:
    if check.is_rude and not with_flood:
        return "SKIP", "only with --flood"
    try:
        await check.run(target)
    except Skipped as reason:
        return "SKIP", str(reason)
    except Failed as reason:
        return "FAIL", str(reason)
    except (OSError, WebSocketException, LookupError, TypeError, ValueError, AttributeError) as error:
        # Malformed answers and broken connections are failures too.
        return "FAIL", f"{type(error).__name__}: {error}"
    return "PASS", ""


if __name__ == "__main__":
    sys.exit(main())

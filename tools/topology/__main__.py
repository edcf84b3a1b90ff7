"""Start a whole site on loopback, run the conformance suite, and serve until Ctrl-C: ``make topology``.

With ``--faults``, kill parts of it while simulated people type, and print the effect.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from typing import Final

from starcast_client.conformance.cli import main as hold_to_protocol

from model_core.plurals import counted
from tools.topology.events import Event, frozen, killed, upgraded, without_postgres, without_redis
from tools.topology.services import NotInstalledError
from tools.topology.site import Site, running_site
from tools.topology.typists import type_through

_AWAY_S: Final = 5.0


async def go_through_faults(site: Site, typists: int) -> int:
    """Run each fault while people type. Returns 0 if no newest text was lost."""

    async def nothing() -> None:
        await asyncio.sleep(_AWAY_S)

    events: dict[str, contextlib.AbstractAsyncContextManager[Event]] = {
        "nothing": contextlib.nullcontext(nothing),
        "a server is killed": killed(site),
        "a server stands still": frozen(site),
        "all servers are upgraded in turn": upgraded(site),
        "Redis is away for 5 s": without_redis(site, nothing),
        "PostgreSQL is away for 5 s": without_postgres(site, nothing),
    }
    any_lost = False
    for what, made in events.items():
        async with made as event:
            typed = await type_through(site, event, typists)
        pauses = sorted(each.longest_pause_s for each in typed)
        lost = sum(not each.is_answered for each in typed)
        any_lost |= lost > 0
        print(
            f"{what}: {counted(typists, 'typist')}, {sum(each.reconnections > 0 for each in typed)} reconnected, "
            f"longest pause {pauses[-1]:.2f} s, median {pauses[len(pauses) // 2]:.2f} s, "
            f"{counted(lost, 'newest text')} lost",
            flush=True,
        )
    return 1 if any_lost else 0


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.topology", description=__doc__)
    parser.add_argument("--replicas", type=int, default=3, help="servers behind the proxy (default: %(default)s)")
    parser.add_argument(
        "--backend", default="onnx", help="model backend, as in STARCAST_BACKEND (default: %(default)s)"
    )
    parser.add_argument(
        "--typists", type=int, default=20, help="number of typists during faults (default: %(default)s)"
    )
    parser.add_argument("--faults", action="store_true", help="kill and stop parts, print the effect, and exit")
    parser.add_argument("--check", action="store_true", help="exit after the conformance suite")
    options = parser.parse_args()
    # Shut everything down as on Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"Starting PostgreSQL, Redis, {counted(options.replicas, 'server')} and nginx ...", flush=True)
    try:
        with running_site(options.replicas, STARCAST_BACKEND=options.backend, STARCAST_ADDRESS_FACTOR="1000") as site:
            if options.faults:
                return asyncio.run(go_through_faults(site, options.typists))
            os.environ["SSL_CERT_FILE"] = str(site.certificate)
            broken = hold_to_protocol([site.url])
            print(f"\n{site.url} (its certificate is {site.certificate})")
            print(f"Servers: {', '.join(f'{each.http} (process {each.process.pid})' for each in site.replicas)}")
            print(f"Redis: port {site.redis.port}. Logs: {site.folder}", flush=True)
            if not options.check:
                print("Stop with Ctrl-C", flush=True)
                signal.pause()
            return broken
    except KeyboardInterrupt:
        return 0
    except NotInstalledError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    raise SystemExit(main())

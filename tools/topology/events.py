"""Faults of a site, as context managers that repair the damage at their end."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from tools.topology.site import Site

Event = Callable[[], Awaitable[None]]
"""Triggers the fault. Call it once, inside the block: some faults are only repaired at its end."""


@contextlib.asynccontextmanager
async def killed(site: Site) -> AsyncIterator[Event]:
    """Kill a server, and start it again afterwards."""

    async def kill() -> None:
        site.replicas[0].process.kill()

    try:
        yield kill
    finally:
        await asyncio.to_thread(site.restart_replica, 0)


@contextlib.asynccontextmanager
async def frozen(site: Site) -> AsyncIterator[Event]:
    """Freeze a server: its port accepts connections but does not answer."""
    process = site.replicas[1].process

    async def stop() -> None:
        process.send_signal(signal.SIGSTOP)

    try:
        yield stop
    finally:
        process.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def upgraded(site: Site) -> AsyncIterator[Event]:
    """Stop the servers gracefully and start them again, one by one."""

    async def upgrade() -> None:
        for number, replica in enumerate(list(site.replicas)):
            replica.process.terminate()
            assert await asyncio.to_thread(replica.process.wait, timeout=20) == 0
            await asyncio.to_thread(site.restart_replica, number)

    yield upgrade


@contextlib.asynccontextmanager
async def without_redis(site: Site, meanwhile: Event) -> AsyncIterator[Event]:
    """Kill Redis and start it again."""

    async def restart() -> None:
        await asyncio.to_thread(site.redis.end, signal.SIGKILL)
        await meanwhile()
        await asyncio.to_thread(site.redis.start)

    yield restart


@contextlib.asynccontextmanager
async def with_frozen_stores(site: Site) -> AsyncIterator[Event]:
    """Freeze Redis and PostgreSQL: they accept connections but never answer."""

    async def stop() -> None:
        site.redis.send(signal.SIGSTOP)
        site.postgres.send(signal.SIGSTOP)

    try:
        yield stop
    finally:
        site.redis.send(signal.SIGCONT)
        site.postgres.send(signal.SIGCONT)


@contextlib.asynccontextmanager
async def without_postgres(site: Site, meanwhile: Event) -> AsyncIterator[Event]:
    """Stop PostgreSQL immediately and start it again."""

    async def restart() -> None:
        await asyncio.to_thread(site.postgres.stop)
        await meanwhile()
        await asyncio.to_thread(site.postgres.start)

    yield restart

"""What may happen to a site, each as something to do while people type. All is as before when it is over."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from tools.topology.site import Site

Event = Callable[[], Awaitable[None]]
"""To be called once, inside the block of what made it: some of it is mended only when that ends."""


@contextlib.asynccontextmanager
async def killed(site: Site) -> AsyncIterator[Event]:
    """A server is killed, and started again afterwards."""

    async def kill() -> None:
        site.replicas[0].process.kill()

    try:
        yield kill
    finally:
        await asyncio.to_thread(site.restart_replica, 0)


@contextlib.asynccontextmanager
async def frozen(site: Site) -> AsyncIterator[Event]:
    """A server stands still: its port takes connections, and nobody answers."""
    process = site.replicas[1].process

    async def stop() -> None:
        process.send_signal(signal.SIGSTOP)

    try:
        yield stop
    finally:
        process.send_signal(signal.SIGCONT)


@contextlib.asynccontextmanager
async def upgraded(site: Site) -> AsyncIterator[Event]:
    """One server after another is stopped politely and started anew."""

    async def upgrade() -> None:
        for number, replica in enumerate(list(site.replicas)):
            replica.process.terminate()
            assert await asyncio.to_thread(replica.process.wait, timeout=20) == 0
            await asyncio.to_thread(site.restart_replica, number)

    yield upgrade


@contextlib.asynccontextmanager
async def without_redis(site: Site, meanwhile: Event) -> AsyncIterator[Event]:
    """Redis is killed and started again."""

    async def restart() -> None:
        await asyncio.to_thread(site.redis.end, signal.SIGKILL)
        await meanwhile()
        await asyncio.to_thread(site.redis.start)

    yield restart


@contextlib.asynccontextmanager
async def with_frozen_stores(site: Site) -> AsyncIterator[Event]:
    """Redis and PostgreSQL stand still: they take connections and never answer."""

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
    """PostgreSQL is stopped at once and started again."""

    async def restart() -> None:
        await asyncio.to_thread(site.postgres.stop)
        await meanwhile()
        await asyncio.to_thread(site.postgres.start)

    yield restart

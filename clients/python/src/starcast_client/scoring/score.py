"""Rates rows over several connections at once, and yields the results in row order."""

import asyncio
import contextlib
import itertools
import ssl as tls
from collections import deque
from collections.abc import AsyncGenerator, Iterable

from starcast_client.async_client import AsyncClient
from starcast_client.connecting import Options
from starcast_client.errors import IncompatibleServer, StarcastError, TextRefused
from starcast_client.messages import LABELS, as_unicode
from starcast_client.scoring.readers import BadRow, Row
from starcast_client.scoring.writers import Record, failed, rated

_WINDOW_PER_CONNECTION = 4
"""Rows in flight: enough that one slow text does not leave the other connections idle."""


class Stopped(StarcastError):  # noqa: N818 - reads as what it says
    """Stopped by a retryable error; try again later."""


async def score(
    rows: Iterable[tuple[int, Row]],
    url: str,
    api_key: str | None,
    connections: int,
    options: Options,
    keep_going: bool = False,
    ssl: tls.SSLContext | None = None,
) -> AsyncGenerator[Record, None]:
    """Yield the record of each row, in order.

    A row that cannot be rated gets a record with an ``error``. Raises Stopped if a retryable error persists, unless
    ``keep_going``, and the errors that end a client: Refused, ConnectionFailed, IncompatibleServer.
    """
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(AsyncClient(url, api_key=api_key, options=options, ssl=ssl))
            for _ in range(connections)
        ]
        session = await clients[0].connected()
        if session.labels != LABELS:
            raise IncompatibleServer(f"the server rates by {session.labels}, and this program by {LABELS}")
        tasks: deque[asyncio.Task[Record]] = deque()
        try:
            for (number, row), client in zip(rows, itertools.cycle(clients), strict=False):
                tasks.append(asyncio.create_task(_record(client, number, row, keep_going)))
                if len(tasks) >= connections * _WINDOW_PER_CONNECTION:
                    yield await tasks.popleft()
            while tasks:
                yield await tasks.popleft()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _record(client: AsyncClient, number: int, row: Row, keep_going: bool) -> Record:
    if isinstance(row, BadRow):
        return failed(number, None, f"bad_row: {row.message}")
    try:
        return rated(number, await client.rate(row))
    except TextRefused as error:
        if error.info.retryable and not keep_going:
            raise Stopped(f"row {number}: {error}") from error
        return failed(number, as_unicode(row), str(error))

"""Rates rows in batches, and yields the results in row order."""

from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator

from starcast_client.bulk import BulkClient
from starcast_client.errors import StarcastError
from starcast_client.messages import ErrorInfo
from starcast_client.scoring.ratings import Columns, Record
from starcast_client.scoring.tables import Row


class Stopped(StarcastError):  # noqa: N818 - reads as what it says
    """Stopped by a retryable error; try again later."""


async def score(
    client: BulkClient, rows: Iterable[tuple[int, Row]], keep_going: bool = False
) -> AsyncIterator[tuple[int, Row, Record]]:
    """Yield the record of each row, in order. A row that cannot be rated gets a record with an ``error``.

    Raises Stopped for a retryable error that persists, unless ``keep_going``, and the errors that end a client.
    """
    columns = Columns(client.labels, client.values, client.has_sides)
    pending: deque[tuple[int, Row]] = deque()

    def texts() -> Iterator[str]:
        for number, row in rows:
            pending.append((number, row))
            if row.is_ratable:
                yield row.text

    def without_text() -> Iterator[tuple[int, Row, Record]]:
        while pending and not pending[0][1].is_ratable:
            number, row = pending.popleft()
            yield number, row, columns.unrated(row)

    async for result in client.rate_many(texts()):
        for each in without_text():
            yield each
        number, row = pending.popleft()
        if not isinstance(result, ErrorInfo):
            yield number, row, columns.rated(result)
        elif result.retryable and not keep_going:
            raise Stopped(f"row {number + 1}: {result}")
        else:
            yield number, row, columns.refused(result)
    for each in without_text():
        yield each

"""The client of Redis, if the settings name one: one for each event loop."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.conf import settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

_TIMEOUT_S: Final = 1.0

_client: "tuple[asyncio.AbstractEventLoop, Redis] | None" = None


class RedisUnavailableError(Exception):
    """Redis is down or refuses."""


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn the errors of the client into RedisUnavailableError, which does not quote the URL with its password."""
    # Imported late: the client is only installed with the extra `redis`.
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        raise RedisUnavailableError(type(error).__name__) from None


def redis_client() -> "Redis":
    """Return the client of the running event loop."""
    global _client
    # Imported late: the client is only installed with the extra `redis`.
    from redis.asyncio import Redis

    loop = asyncio.get_running_loop()
    if _client is None or _client[0] is not loop:
        _client = loop, Redis.from_url(settings.REDIS_URL, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
    return _client[1]

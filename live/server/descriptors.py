"""The limit of open files, which must allow the connections that the settings promise."""

import logging
import resource
from typing import Final

logger = logging.getLogger(__name__)

_OTHERS: Final = 256
"""Descriptors for all but WebSockets: requests, health checks, the database, Redis, the model, the log."""


def possible_connections(wanted: int) -> int:
    """Raise the soft limit of open files as far as needed and allowed. Returns how many WebSockets are possible.

    With a low hard limit these are fewer than ``wanted``, and a warning says so: a server without descriptors could
    not even answer its health checks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHERS
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    if hard == resource.RLIM_INFINITY or hard >= needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    possible = max(1, hard - min(_OTHERS, hard // 2))
    if possible >= wanted:
        return wanted
    logger.warning(
        "only %d WebSockets are possible, not %d: this process may open %d files (ulimit -n)", possible, wanted, hard
    )
    return possible

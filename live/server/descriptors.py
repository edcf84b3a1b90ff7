"""The limit of open files, which must allow the connections that the settings promise."""

import logging
import resource
from typing import Final, NamedTuple

logger = logging.getLogger(__name__)

_RESERVED: Final = 64
"""Descriptors for all but connections: the database, Redis, the model, the log."""
_LEAST_OTHERS: Final = 256
"""Descriptors that WebSockets leave for HTTP connections and all else, where few are allowed."""


class Possible(NamedTuple):
    """How many connections of each kind the system allows."""

    websockets: int
    http: int


def possible_connections(wanted: int) -> Possible:
    """Raise the soft limit of open files as far as allowed for ``wanted`` WebSockets and as many HTTP connections.

    With a low hard limit fewer are possible, and a warning says so if these are WebSockets: a server without
    descriptors could not even answer its health checks.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A request may have its body in a file.
    needed = 3 * wanted + _RESERVED
    files = min(limit for limit in (needed, hard) if limit != resource.RLIM_INFINITY)
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    others = min(_LEAST_OTHERS, files // 2)
    websockets = max(1, min(wanted, files - others))
    if websockets < wanted:
        logger.warning(
            "only %d WebSockets are possible, not %d: this process may open %d files (ulimit -n)",
            websockets,
            wanted,
            files,
        )
    return Possible(websockets, max(1, (files - websockets - min(_RESERVED, others // 2)) // 2))

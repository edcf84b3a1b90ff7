"""Where the server listens, and the address at which another machine finds it."""

import contextlib
import errno
import logging
import socket
from collections.abc import Sequence
from typing import Final

from daphne.endpoints import build_endpoint_description_strings

logger = logging.getLogger(__name__)

ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what users say for all addresses
LOOPBACK: Final = ("127.0.0.1", "localhost")
"""What users say for this machine alone."""

# An address reserved for documentation, so no machine has it. Nothing is sent there.
_ELSEWHERE: Final = ("192.0.2.1", 9)


def endpoints(host: str, port: int) -> Sequence[str]:
    """Return Twisted's descriptions of where to listen: for loopback over IPv6 too, since that is localhost as well."""
    if host not in LOOPBACK:
        return _endpoints(host, port)
    wanted = _endpoints("127.0.0.1", port)
    if not port or _obstacle("127.0.0.1", port):
        return wanted
    obstacle = _obstacle("::1", port)
    if obstacle is None:
        return [*wanted, *_endpoints("::1", port)]
    if obstacle == errno.EADDRINUSE:
        logger.warning(
            "another program has port %d over IPv6, and may answer at localhost: open http://127.0.0.1:%d/", port, port
        )
    return wanted


def in_url(host: str) -> str:
    """Return a host as URLs and allowed hosts have it."""
    return f"[{host}]" if ":" in host else host


def address_in_network() -> str | None:
    """Return the address at which others in the same network find this machine; None without a network."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ELSEWHERE)
        return str(probe.getsockname()[0])
    return None


def _endpoints(host: str, port: int) -> list[str]:
    described: list[str] = build_endpoint_description_strings(host=host, port=port)
    return described


def _obstacle(host: str, port: int) -> int | None:
    """Return the number of the error with which one cannot listen there."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return error.errno
    return None

"""Where the server listens, and the address at which another machine finds it."""

import contextlib
import socket
from collections.abc import Sequence
from typing import Final

from daphne.endpoints import build_endpoint_description_strings

ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what users say for all addresses
LOOPBACK: Final = "127.0.0.1"

# An address reserved for documentation, so no machine has it. Nothing is sent there.
_ELSEWHERE: Final = ("192.0.2.1", 9)


def endpoints(host: str, port: int) -> Sequence[str]:
    """Return Twisted's descriptions of where to listen: for loopback over IPv6 too, since that is localhost as well."""
    wanted: list[str] = build_endpoint_description_strings(host=host, port=port)
    if host == LOOPBACK and port and _is_free(LOOPBACK, port) and _is_free("::1", port):
        wanted += build_endpoint_description_strings(host="::1", port=port)
    return wanted


def address_in_network() -> str | None:
    """Return the address at which others in the same network find this machine; None without a network."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(_ELSEWHERE)
        return str(probe.getsockname()[0])
    return None


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        return True
    return False

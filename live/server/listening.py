"""Where the server listens, and the address at which another machine finds it."""

import contextlib
import errno
import ipaddress
import socket
from collections.abc import Sequence
from typing import Final, NamedTuple

from daphne.endpoints import build_endpoint_description_strings

ANYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - what users say for all addresses
LOOPBACK: Final = ("127.0.0.1", "localhost")
"""What users say for this machine alone."""

# An address reserved for documentation, so no machine has it. Nothing is sent there.
_ELSEWHERE: Final = ("192.0.2.1", 9)


class Place(NamedTuple):
    """Where to listen, in Twisted's descriptions, and the host under which this machine reaches it, as URLs have it."""

    endpoints: Sequence[str]
    name: str


def place_of(host: str, port: int) -> Place:
    """Return where to listen for a host: for loopback over IPv6 too, since that is localhost as well."""
    if host in ANYWHERE:
        return Place(_endpoints(host, port), "localhost")
    if host not in LOOPBACK:
        return Place(_endpoints(host, port), in_url(host))
    over_ipv4 = _endpoints("127.0.0.1", port)
    if not port or _obstacle("127.0.0.1", port):
        return Place(over_ipv4, "localhost")
    obstacle = _obstacle("::1", port)
    if obstacle is None:
        return Place([*over_ipv4, *_endpoints("::1", port)], "localhost")
    # At localhost, another program may answer.
    return Place(over_ipv4, "127.0.0.1" if obstacle == errno.EADDRINUSE else "localhost")


def in_url(host: str) -> str:
    """Return a host as URLs and allowed hosts have it: an IPv6 address in brackets, and as browsers write it."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return host
    return f"[{address}]" if address.version == 6 else str(address)


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

"""Maps client addresses to the networks that rate limits apply to."""

import ipaddress
from typing import Final

_IPV6_PREFIX: Final = 64
"""One household or rented server usually has a whole /64."""


def network_of(address: str) -> str:
    """Return an IPv4 address as it is, or the /64 network of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))


def client_network(claimed: str, peer: object) -> str:
    """Return the network of a client by what a trusted proxy says, the first of a list; else by the other end."""
    return network_of(claimed.split(",")[0].strip() or getattr(peer, "host", ""))

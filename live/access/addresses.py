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

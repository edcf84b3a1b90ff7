"""Decides which pages may open a WebSocket: browsers let any page connect to any host, so the server must check."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.http.request import split_domain_port, validate_host

_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_allowed(
    headers: Sequence[tuple[bytes, bytes]], allowed_hosts: Sequence[str], allowed_origins: Sequence[str]
) -> bool:
    """Return whether a handshake's ``Origin`` is the requested host or one of ``allowed_origins``.

    Without ``Origin`` the client is not a page, and is allowed. A malformed origin is refused.
    """
    named = {name: value.decode("latin-1") for name, value in headers if name in (b"origin", b"host")}
    origin = named.get(b"origin")
    if origin is None or origin in allowed_origins:
        return True
    domain, _ = split_domain_port(host := named.get(b"host", "").lower())
    if not domain or not validate_host(domain, list(allowed_hosts)):
        return False
    try:
        parts = urlsplit(origin.lower())
        if parts.scheme not in _DEFAULT_PORTS or parts.hostname is None:
            return False
        default = _DEFAULT_PORTS[parts.scheme]
        target = urlsplit(f"{parts.scheme}://{host}")
        return (parts.hostname, parts.port or default) == (target.hostname, target.port or default)
    except ValueError:
        return False

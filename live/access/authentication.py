"""Decides who may connect or call: own pages, listed origins, non-browser clients, and holders of a key or token."""

import base64
import binascii
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from django.conf import settings
from django.db import Error as DatabaseError

from live.access.keys import KnownKey, find_key
from live.access.origin import origin_allowed
from live.access.revocation import key_watch
from live.access.tokens import TOKEN_BEGINNING, redeem_token
from live.messages.protocol import ProtocolError
from live.monitoring.logs import warn_once

logger = logging.getLogger(__name__)

BEARER_SUBPROTOCOL: Final = "starcast.bearer."
"""Browsers cannot set headers of a WebSocket, so they send the key as a subprotocol, in base64url."""

_ORIGIN_REFUSED: Final = (
    "refused a page whose origin is not the requested host and that has no key: if it is of this server, let the proxy "
    "pass on Host, and add its host name to STARCAST_ALLOWED_HOSTS; if not, add its origin to STARCAST_ORIGINS"
)

Headers = Sequence[tuple[bytes, bytes]]


async def identify(headers: Headers, subprotocols: Iterable[str] | None = None) -> KnownKey | None:
    """Return the valid key of the request, or None if it has none and needs none.

    ``subprotocols`` are those that a WebSocket offers; None for an HTTP request, which takes no tokens.
    Raises ProtocolError: ``key_invalid`` for a wrong or revoked key, ``origin_refused`` for a foreign page without a
    key, ``key_missing`` if the settings require a key, ``internal`` if the database is unavailable.
    """
    presented = _presented_key(headers, subprotocols or ())
    if presented is not None and presented.startswith(TOKEN_BEGINNING):
        if subprotocols is None:
            raise ProtocolError("key_invalid", "tokens are for WebSockets only: send an API key")
        known = await redeem_token(presented, _origin(headers))
        key_watch.note_use(known)
        return known
    if presented is not None:
        return await _checked(presented)
    if not origin_allowed(headers, settings.ALLOWED_HOSTS, settings.STARCAST_ORIGINS):
        warn_once(logger, _ORIGIN_REFUSED)
        raise ProtocolError("origin_refused", "pages of this origin need a key")
    if settings.STARCAST_REQUIRE_KEY and not _from_own_page(headers):
        raise ProtocolError("key_missing", "this server asks for a key: Authorization: Bearer KEY")
    return None


def without_keys(subprotocols: Iterable[str]) -> list[str]:
    """Return the subprotocols without keys."""
    return [offered for offered in subprotocols if not offered.startswith(BEARER_SUBPROTOCOL)]


async def _checked(presented: str) -> KnownKey:
    try:
        known = await find_key(presented)
    except DatabaseError as error:
        logger.error("cannot look up keys: %s", error)
        raise ProtocolError("internal", "keys cannot be checked at the moment") from error
    if known is None:
        raise ProtocolError("key_invalid", "this key is wrong or revoked")
    key_watch.note_use(known)
    return known


def _presented_key(headers: Headers, subprotocols: Iterable[str]) -> str | None:
    for name, value in headers:
        scheme, _, key = value.decode("latin-1").partition(" ")
        if name == b"authorization" and scheme.lower() == "bearer":
            return key.strip()
    for offered in subprotocols:
        if offered.startswith(BEARER_SUBPROTOCOL):
            return _decoded(offered.removeprefix(BEARER_SUBPROTOCOL))
    return None


def _decoded(encoded: str) -> str:
    """Decode a key from base64url, with or without padding. Returns "", which is never valid, if it is malformed."""
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _from_own_page(headers: Headers) -> bool:
    return _origin(headers) is not None and origin_allowed(headers, settings.ALLOWED_HOSTS, ())


def _origin(headers: Headers) -> str | None:
    return next((value.decode("latin-1") for name, value in headers if name == b"origin"), None)

"""Short-lived tokens for browsers: made with a key, signed, each good for one WebSocket.

So a page of another site can connect to a server that asks for keys, and its visitors never see the key.
"""

import logging
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from channels.db import database_sync_to_async
from django.conf import settings
from django.core import signing
from django.db import Error as DatabaseError
from django.utils import timezone
from pydantic import BaseModel

from live.access.keys import KnownKey
from live.access.redis import RedisUnavailableError, redis_client, redis_errors
from live.limits import Limits
from live.messages.protocol import ProtocolError
from live.messages.tokens import TokenLimits, TokenRequest
from live.models import ApiKey, UsedToken

logger = logging.getLogger(__name__)

TOKEN_BEGINNING: Final = "st_"  # noqa: S105 - the same for all
_SALT: Final = "starcast.token"


class _Claims(BaseModel):
    """What a token says. It is signed, not encrypted: its holder can read it."""

    id: str
    key: int
    ends: float
    """Unix time."""
    origin: str | None
    limits: TokenLimits | None
    reference: str


def make_token(key: KnownKey, request: TokenRequest) -> str:
    """Return a new token of this key."""
    claims = _Claims(
        id=secrets.token_urlsafe(16),
        key=key.id,
        ends=time.time() + request.ttl_s,
        origin=request.origin,
        limits=request.limits,
        reference=request.reference,
    )
    return TOKEN_BEGINNING + signing.dumps(claims.model_dump(), salt=_SALT)


async def redeem_token(token: str, origin: str | None) -> KnownKey:
    """Use a token up, for a connection from a page of ``origin``. Return its key, with what the token says.

    Raises ProtocolError: ``key_invalid``, ``origin_refused``, or ``internal`` if a database is unavailable.
    """
    refusal = ProtocolError("key_invalid", "this token is wrong, too old or used, or its key was revoked")
    try:
        claims = _Claims.model_validate(signing.loads(token.removeprefix(TOKEN_BEGINNING), salt=_SALT))
    except (signing.BadSignature, ValueError) as error:
        raise refusal from error
    if claims.ends < time.time():
        raise refusal
    if claims.origin is not None and claims.origin.lower() != (origin or "").lower():
        raise ProtocolError("origin_refused", "this token is for pages of another origin")
    try:
        prefix: str | None = await database_sync_to_async(_prefix_of)(claims.key)
        is_first = prefix is not None and await _use_up(claims)
    except (DatabaseError, RedisUnavailableError) as error:
        logger.error("cannot check tokens: %s", error)
        raise ProtocolError("internal", "tokens cannot be checked at the moment") from error
    if prefix is None or not is_first:
        raise refusal
    return KnownKey(claims.key, prefix, claims.reference, claims.limits)


def lowered(limits: Limits, key: KnownKey | None) -> Limits:
    """Return the limits of a connection: those of the server, or lower ones that its token has."""
    if key is None or key.limits is None:
        return limits
    own = key.limits.model_dump(exclude_none=True)
    return replace(limits, **{name: min(value, getattr(limits, name)) for name, value in own.items()})


async def _use_up(claims: _Claims) -> bool:
    """Return whether this is the first use. Its id is remembered until the token ends."""
    if settings.REDIS_URL:
        return await _note_use_in_redis(claims)
    is_first: bool = await database_sync_to_async(_note_use)(claims.id, datetime.fromtimestamp(claims.ends, UTC))
    return is_first


async def _note_use_in_redis(claims: _Claims) -> bool:
    left_ms = max(1, int((claims.ends - time.time()) * 1000))
    with redis_errors():
        return bool(await redis_client().set(f"starcast:token:{claims.id}", 1, nx=True, px=left_ms))


def _prefix_of(key_id: int) -> str | None:
    return ApiKey.objects.filter(pk=key_id, revoked=None).values_list("prefix", flat=True).first()


def _note_use(token_id: str, ends: datetime) -> bool:
    UsedToken.objects.filter(ends__lt=timezone.now()).delete()
    _, is_first = UsedToken.objects.get_or_create(id=token_id, defaults={"ends": ends})
    return is_first

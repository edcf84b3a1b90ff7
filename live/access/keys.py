"""Creates and looks up API keys. Look-ups are cached: one database query per key and two seconds."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from channels.db import database_sync_to_async

from live.messages.tokens import TokenLimits
from live.models import ApiKey

KEY_BEGINNING: Final = "sc_"
_RANDOM_BYTES: Final = 32
PREFIX_LENGTH: Final = 11
_CACHE_S: Final = 2.0
"""Seconds. A revoked key is refused after at most this time."""
_CACHE_SIZE: Final = 1_024


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A valid key as connections and limits know it, without the secret."""

    id: int
    prefix: str
    reference: str = ""
    """Who uses it, as the token says by which the client came."""
    limits: TokenLimits | None = None
    """The lower limits of that token."""


_cache: OrderedDict[str, tuple[float, KnownKey]] = OrderedDict()


def create_key(name: str) -> tuple[ApiKey, str]:
    """Store a new key. Return its record and the key itself, which cannot be read again.

    Raises django.core.exceptions.ValidationError if the name is empty or too long.
    """
    key = KEY_BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)
    record = ApiKey(name=name, prefix=key[:PREFIX_LENGTH], digest=_digest(key))
    record.full_clean()
    record.save()
    return record, key


async def find_key(key: str) -> KnownKey | None:
    """Return the valid key, or None. Raises django.db.Error if the database is unavailable."""
    if not (key.isascii() and key.startswith(KEY_BEGINNING)):
        return None
    digest = _digest(key)
    cached = _cache.get(digest)
    if cached is not None and time.monotonic() < cached[0]:
        return cached[1]
    _cache.pop(digest, None)
    known: KnownKey | None = await database_sync_to_async(_look_up)(key, digest)
    # Wrong keys are not cached, or guessing would push valid ones out.
    if known is not None:
        _cache[digest] = time.monotonic() + _CACHE_S, known
        if len(_cache) > _CACHE_SIZE:
            _cache.popitem(last=False)
    return known


def forget_keys() -> None:
    """Empty the cache."""
    _cache.clear()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _look_up(key: str, digest: str) -> KnownKey | None:
    # The prefix is not secret; the digest is compared in constant time.
    record = ApiKey.objects.filter(prefix=key[:PREFIX_LENGTH], revoked=None).first()
    if record is None or not hmac.compare_digest(record.digest, digest):
        return None
    return KnownKey(record.pk, record.prefix)

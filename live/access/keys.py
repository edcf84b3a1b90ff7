"""Making API keys and looking them up. A lookup costs a database query once in two seconds for each key in use."""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from channels.db import database_sync_to_async

from live.models import ApiKey

KEY_BEGINNING: Final = "sc_"
_RANDOM_BYTES: Final = 32
PREFIX_LENGTH: Final = 11
_CACHE_S: Final = 2.0
"""A revoked key is refused after so long."""
_CACHE_SIZE: Final = 1_024


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A valid key, without the key: what connections and limits know of it."""

    id: int
    prefix: str


_cache: OrderedDict[str, tuple[float, KnownKey]] = OrderedDict()


def create_key(name: str) -> tuple[ApiKey, str]:
    """Store a new key. Returns its record and the key itself, which nobody can read again.

    Raises django.core.exceptions.ValidationError for a name that is empty or too long.
    """
    key = KEY_BEGINNING + secrets.token_urlsafe(_RANDOM_BYTES)
    record = ApiKey(name=name, prefix=key[:PREFIX_LENGTH], digest=_digest(key))
    record.full_clean()
    record.save()
    return record, key


async def find_key(key: str) -> KnownKey | None:
    """The valid key that this is, or None. Raises django.db.Error where the database does not answer."""
    if not (key.isascii() and key.startswith(KEY_BEGINNING)):
        return None
    digest = _digest(key)
    cached = _cache.get(digest)
    if cached is not None and time.monotonic() < cached[0]:
        return cached[1]
    _cache.pop(digest, None)
    known: KnownKey | None = await database_sync_to_async(_look_up)(key, digest)
    # Wrong keys are not kept: whoever tries many must not push the right ones out.
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
    # The prefix is no secret; the digest is compared in constant time.
    record = ApiKey.objects.filter(prefix=key[:PREFIX_LENGTH], revoked=None).first()
    if record is None or not hmac.compare_digest(record.digest, digest):
        return None
    return KnownKey(record.pk, record.prefix)

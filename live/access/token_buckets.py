"""Token buckets, in memory or shared through Redis. No message ever waits for Redis."""

import asyncio
import logging
import time
from collections.abc import Iterable
from functools import partial
from typing import Final, Protocol

from live.access.redis import RedisUnavailableError, redis_client, redis_errors
from model_core.tasks import spawn

logger = logging.getLogger(__name__)

_CHUNKS_PER_BURST: Final = 50
"""Tokens are fetched in chunks of burst / 50, which bounds how much processes can overdraw together."""
_ASK_S: Final = 0.01
"""Seconds in which Redis usually answers."""
_ROUNDING: Final = 1e-6
_RETRY_S: Final = 2.0
"""Seconds after a failure of Redis during which only this process's own count applies."""

# Takes up to ARGV[3] tokens. Returns the number taken, and the milliseconds until the next one.
_TAKE: Final = """
local per_s, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local state = redis.call('HMGET', KEYS[1], 'tokens', 'updated')
local tokens = math.min(burst, (tonumber(state[1]) or burst) + (now - (tonumber(state[2]) or now)) * per_s)
local taken = math.max(0, math.min(wanted, math.floor(tokens)))
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens - taken), 'updated', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / per_s * 1000) + 1000)
return {taken, math.ceil(math.max(0, 1 - (tokens - taken)) / per_s * 1000)}
"""


class TokenBucket:
    """Allows ``burst`` units of work at once and ``per_s`` per second in the long run."""

    __slots__ = ("_burst", "_per_s", "_tokens", "_updated")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._updated = time.monotonic()

    def wait_s(self, tokens: int = 1) -> float:
        """Return the seconds until ``tokens`` are available, or 0.

        A bucket that is at least half full can pay any price, and is in debt then.
        """
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._per_s)
        self._updated = now
        missing = min(tokens, self._burst / 2) - self._tokens
        # Avoid refusing for a rounding error after the wait.
        return missing / self._per_s if missing > _ROUNDING else 0.0

    def take(self, tokens: int = 1) -> bool:
        """Take tokens if enough are available; else return False and take none."""
        if self.wait_s(tokens):
            return False
        self._tokens -= tokens
        return True

    def give_back(self, tokens: int) -> None:
        """Return tokens to the bucket."""
        self._tokens += tokens

    def is_full(self) -> bool:
        """Return whether the bucket is full, so that it can be dropped."""
        return self._tokens + (time.monotonic() - self._updated) * self._per_s >= self._burst


class Bucket(Protocol):
    """A rate limit shared by all connections of one address or key."""

    def wait_s(self, tokens: int = 1) -> float:
        """Return the seconds until ``tokens`` are available, as far as known, or 0."""
        ...

    def take(self, tokens: int = 1) -> bool:
        """Take tokens if they are available; return whether they were."""
        ...

    def give_back(self, tokens: int) -> None:
        """Return tokens to the bucket."""
        ...

    def is_full(self) -> bool:
        """Return whether the bucket can be dropped without effect."""
        ...


def spend_all(wanted: Iterable[tuple[Bucket, int]]) -> float:
    """Take tokens from all buckets and return 0, or take none and return the seconds until all have enough."""
    wanted = tuple(wanted)
    wait_s = max(bucket.wait_s(tokens) for bucket, tokens in wanted)
    if not wait_s:
        for bucket, tokens in wanted:
            bucket.take(tokens)
    return wait_s


class SharedBucket:
    """A bucket shared by several processes. Each fetches tokens ahead from Redis in the background.

    A bucket in memory applies as well, so while Redis is down, the limits are per process. All methods must be called
    on the event loop.
    """

    def __init__(self, local: TokenBucket, name: str, per_s: float, burst: float) -> None:
        self._local = local
        self._name = name
        self._per_s = per_s
        self._burst = burst
        self._chunk = max(1, int(burst / _CHUNKS_PER_BURST))
        self._ahead = 0
        """Tokens fetched but not used; negative if used but not fetched yet."""
        self._empty_until = 0.0
        self._away_until = 0.0
        self._fetching: asyncio.Task[None] | None = None

    def wait_s(self, tokens: int = 1) -> float:
        """Return the seconds until ``tokens`` are available or Redis can be asked again, or 0."""
        now = time.monotonic()
        wait_s = self._local.wait_s(tokens)
        if now < self._away_until or self._ahead >= min(tokens, self._burst / 2):
            return wait_s
        # On credit until Redis answers, but no more than it is asked for at once.
        credit_s = _ASK_S if self._ahead <= -self._chunk and self._is_fetching else 0.0
        return max(wait_s, self._empty_until - now, credit_s)

    def take(self, tokens: int = 1) -> bool:
        """Take tokens that were fetched, or on credit until Redis says that there are none."""
        if self.wait_s(tokens):
            return False
        self._local.take(tokens)
        if time.monotonic() < self._away_until:
            return True
        self._ahead -= tokens
        if self._ahead < self._chunk / 2 and not self._is_fetching:
            self._fetching = spawn(self._fetch())
        return True

    @property
    def _is_fetching(self) -> bool:
        return self._fetching is not None and not self._fetching.done()

    def give_back(self, tokens: int) -> None:
        """Return tokens to the bucket."""
        self._local.give_back(tokens)
        if time.monotonic() >= self._away_until:
            self._ahead += tokens

    def is_full(self) -> bool:
        """Return whether the bucket can be dropped: full, and nothing is on credit."""
        return self._local.is_full() and self._ahead >= 0

    async def _fetch(self) -> None:
        wanted = self._chunk - self._ahead
        try:
            taken, wait_ms = await _redis_take(self._name, self._per_s, self._burst, wanted)
        except RedisUnavailableError as error:
            logger.warning("rate limits are not shared for now: Redis failed (%s)", error)
            self._ahead = 0
            self._away_until = time.monotonic() + _RETRY_S
            return
        self._ahead += taken
        if taken < wanted:
            # What was taken on credit is waited for, or each answer would let a little more through than promised.
            self._empty_until = time.monotonic() + max(wait_ms / 1000, -self._ahead / self._per_s)


async def _redis_take(name: str, per_s: float, burst: float, wanted: int) -> tuple[int, int]:
    """Take up to ``wanted`` tokens in Redis. Returns the number taken, and the milliseconds until the next one."""
    run = partial(redis_client().eval, _TAKE, 1, f"starcast:bucket:{name}")
    with redis_errors():
        taken, wait_ms = await run(str(per_s), str(burst), str(wanted))
    return int(taken), int(wait_ms)

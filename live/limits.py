"""What one connection, one address and one process may take."""

import dataclasses
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from model_core.text import MAX_CHARS


@dataclass(frozen=True)
class Limits:
    """All limits of a connection, from the settings; ``session.created`` shows those that a client can act on."""

    max_message_bytes: int = 65_536
    max_frame_bytes: int = 131_072
    """What the transport takes before it closes: above max_message_bytes, so that a client gets an error first."""
    max_chars: int = 20_000
    messages_per_s: int = 60
    """Refill of the token bucket of a connection. A fast typist makes 15 messages a second."""
    burst: int = 600
    """Size of the bucket: a replay sends a few hundred at once."""
    address_factor: int = 5
    """The bucket of one address is so many times that of one connection."""
    max_connections: int = 2_000
    max_connections_per_address: int = 200
    max_malformed: int = 20
    """Malformed messages in a row before the connection is closed."""
    max_refused: int = 1_000
    """Messages beyond the rate, less those within it, before the connection is closed."""

    def __post_init__(self) -> None:
        if self.max_frame_bytes < self.max_message_bytes:
            raise ValueError("max_frame_bytes must be at least max_message_bytes")
        if self.max_chars > MAX_CHARS:
            raise ValueError(f"max_chars may be {MAX_CHARS} at the most: the model reads no more")


class TokenBucket:
    """``burst`` messages at once, ``per_s`` a second in the long run."""

    __slots__ = ("_burst", "_per_s", "_tokens", "_updated")

    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._tokens = burst
        self._updated = time.monotonic()

    def take(self) -> bool:
        """Take one token; False where there is none."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._updated) * self._per_s)
        self._updated = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self) -> bool:
        """Whether it has refilled, so that a new one would be the same."""
        return self._tokens + (time.monotonic() - self._updated) * self._per_s >= self._burst


@dataclass(frozen=True)
class Admission:
    """A connection's share of its address's bucket, and its own bucket."""

    address: str
    buckets: tuple[TokenBucket, ...]

    def take(self) -> bool:
        """Whether one more message is within the rate of the connection and of the address."""
        return all(bucket.take() for bucket in self.buckets)


class Admissions:
    """Counts the connections of this process, and holds a bucket for each address."""

    _SWEEP_ABOVE = 1_024

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()
        self._buckets: dict[str, TokenBucket] = {}

    def __len__(self) -> int:
        return self._connections.total()

    def enter(self, address: str, limits: Limits) -> Admission | None:
        """Admit a connection, or return None where the process or the address has too many."""
        if len(self) >= limits.max_connections or self._connections[address] >= limits.max_connections_per_address:
            return None
        if len(self._buckets) > self._SWEEP_ABOVE:
            self._sweep()
        factor = limits.address_factor
        shared = self._buckets.setdefault(address, TokenBucket(limits.messages_per_s * factor, limits.burst * factor))
        self._connections[address] += 1
        return Admission(address, (TokenBucket(limits.messages_per_s, limits.burst), shared))

    def leave(self, admission: Admission) -> None:
        """Count a connection out. Its address's bucket stays until it is full: reconnecting must not refill it."""
        self._connections[admission.address] -= 1
        if not self._connections[admission.address]:
            del self._connections[admission.address]

    def _sweep(self) -> None:
        self._buckets = {
            address: bucket
            for address, bucket in self._buckets.items()
            if address in self._connections or not bucket.is_full()
        }


admissions = Admissions()
"""Those of this process."""


def get_limits() -> Limits:
    """The limits that the settings name. Raises ValueError or TypeError where they make no sense."""
    configured: dict[str, Any] = settings.STARCAST_LIMITS
    return Limits(**configured)


def shown_to_clients(limits: Limits) -> dict[str, int]:
    """What ``session.created`` says of the limits."""
    shown = ("max_message_bytes", "max_chars", "messages_per_s", "burst")
    return {name: value for name, value in dataclasses.asdict(limits).items() if name in shown}

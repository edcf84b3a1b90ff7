"""What one connection, one address and one process may take."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from live.access.token_buckets import Bucket, SharedBucket, TokenBucket, spend_all
from model_core.text import MAX_CHARS


@dataclass(frozen=True)
class Limits:
    """All limits of a connection, from the settings; ``session.created`` shows those that a client can act on."""

    max_message_bytes: int = 65_536
    max_frame_bytes: int = 131_072
    """What the transport takes before it closes: above max_message_bytes, so that a client gets an error first."""
    max_body_bytes: int = 1_048_576
    """Body of an HTTP request, which may hold many texts."""
    max_chars: int = 20_000
    messages_per_s: int = 60
    """Refill of the token bucket of a connection. A fast typist makes 15 messages a second."""
    burst: int = 600
    """Size of the bucket: a replay sends a few hundred at once."""
    address_factor: int = 5
    """The bucket of one address, and that of one key, is so many times that of one connection."""
    max_connections: int = 2_000
    max_connections_per_address: int = 200
    max_malformed: int = 20
    """Malformed messages in a row before the connection is closed."""
    max_refused: int = 1_000
    """Messages beyond the rate, less those within it, before the connection is closed."""
    idle_timeout_s: int = 600
    """Silence of a client after which its connection is closed; 0 for never."""
    ping_interval_s: int = 20
    """Silence of a client after which it is sent a ping of WebSocket."""
    ping_timeout_s: int = 10
    """How long its pong may take. In Daphne a second ping would replace the first one's timer."""
    slow_reader_s: int = 10
    """How long a client may leave what was sent unread before its connection is closed."""
    max_rooms: int = 500
    """Rooms of this process in which others watch a typist."""
    max_rooms_per_address: int = 10
    max_watchers: int = 50
    """Connections that watch one room."""
    room_grace_s: int = 20
    """How long a room waits for a typist whose connection is lost."""

    def __post_init__(self) -> None:
        if self.max_frame_bytes < self.max_message_bytes:
            raise ValueError("max_frame_bytes must be at least max_message_bytes")
        if self.ping_timeout_s >= self.ping_interval_s:
            raise ValueError("ping_timeout_s must be below ping_interval_s")
        if self.max_chars > MAX_CHARS:
            raise ValueError(f"max_chars may be {MAX_CHARS} at the most: the model reads no more")


@dataclass(frozen=True)
class Admission:
    """A connection's own bucket, and those that it shares with others of its address and its key."""

    shared: tuple[str, ...]
    own: TokenBucket
    buckets: tuple[Bucket, ...]

    def spend(self, texts: int = 1) -> float:
        """Pay for one message of the connection that costs address and key so many texts, as over HTTP.

        Returns 0, or the seconds to wait where that is beyond the rate; nothing is taken then.
        """
        return spend_all([(self.own, 1), *((bucket, texts) for bucket in self.buckets)])


class Bill:
    """What one request pays: first before it is read, then all that it turns out to cost, in one step."""

    def __init__(self, buckets_of: Callable[[str | None], Sequence[Bucket]]) -> None:
        self._buckets_of = buckets_of
        self._buckets: Sequence[Bucket] = ()
        self._paid = 0

    def spend(self, texts: int, key: str | None = None) -> float:
        """Pay for so many texts in all, by address and key; what was paid before is given back.

        Returns 0, or the seconds to wait where that is beyond the rate; nothing is paid then.
        """
        for bucket in self._buckets:
            bucket.give_back(self._paid)
        self._buckets = self._buckets_of(key)
        wait_s = spend_all((bucket, texts) for bucket in self._buckets)
        self._paid = 0 if wait_s else texts
        return wait_s


class Admissions:
    """Counts the connections of this process, and holds a bucket for each address and each key."""

    _SWEEP_ABOVE = 1_024

    def __init__(self, new_bucket: Callable[[str, float, float], Bucket]) -> None:
        self._new_bucket = new_bucket
        self._open = 0
        self._connections: Counter[str] = Counter()
        self._buckets: dict[str, Bucket] = {}
        self._sweep_above = self._SWEEP_ABOVE

    def __len__(self) -> int:
        return self._open

    def enter(self, address: str, limits: Limits, key: str | None = None) -> Admission | None:
        """Admit a connection, or return None where the process or the address has too many."""
        names = _shared_by(address, key)
        if self._open >= limits.max_connections or self._connections[names[0]] >= limits.max_connections_per_address:
            return None
        shared = self._buckets_of(names, limits)
        self._open += 1
        self._connections.update(names)
        return Admission(names, TokenBucket(limits.messages_per_s, limits.burst), shared)

    def leave(self, admission: Admission) -> None:
        """Count a connection out. Its shared buckets stay until they are full: reconnecting must not refill them."""
        self._open -= 1
        self._connections.subtract(admission.shared)
        for name in admission.shared:
            if not self._connections[name]:
                del self._connections[name]

    def bill(self, address: str, limits: Limits) -> "Bill":
        """What somebody at an address pays outside of a connection."""
        return Bill(lambda key: self._buckets_of(_shared_by(address, key), limits))

    def _buckets_of(self, names: Sequence[str], limits: Limits) -> tuple[Bucket, ...]:
        if len(self._buckets) > self._sweep_above:
            self._sweep()
        per_s, burst = limits.messages_per_s * limits.address_factor, limits.burst * limits.address_factor
        for name in names:
            if name not in self._buckets:
                self._buckets[name] = self._new_bucket(name, per_s, burst)
        return tuple(self._buckets[name] for name in names)

    def _sweep(self) -> None:
        self._buckets = {
            name: bucket for name, bucket in self._buckets.items() if name in self._connections or not bucket.is_full()
        }
        # Those that stay would be looked through again at every call.
        self._sweep_above = max(self._SWEEP_ABOVE, 2 * len(self._buckets))


def _shared_by(address: str, key: str | None) -> tuple[str, ...]:
    return (f"address:{address}",) if key is None else (f"address:{address}", f"key:{key}")


def new_bucket(name: str, per_s: float, burst: float) -> Bucket:
    """A bucket that all processes share where there is a Redis."""
    bucket = TokenBucket(per_s, burst)
    return SharedBucket(bucket, name, per_s, burst) if settings.REDIS_URL else bucket


admissions = Admissions(new_bucket)
"""Those of this process."""


def get_limits() -> Limits:
    """The limits that the settings name. Raises ValueError or TypeError where they make no sense."""
    configured: dict[str, Any] = settings.STARCAST_LIMITS
    return Limits(**configured)


def shown_to_clients(limits: Limits) -> dict[str, int]:
    """What ``session.created`` says of the limits."""
    shown = ("max_message_bytes", "max_chars", "messages_per_s", "burst", "idle_timeout_s")
    return {name: value for name, value in dataclasses.asdict(limits).items() if name in shown}

"""Who is admitted, and what they pay: counts connections, and holds the token buckets of addresses and keys."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings

from live.access.token_buckets import Bucket, SharedBucket, TokenBucket, spend_all
from live.limits import Limits


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

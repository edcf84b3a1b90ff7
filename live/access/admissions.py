"""Connection counts and token buckets, per address and API key."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.conf import settings

from live.access.token_buckets import Bucket, SharedBucket, TokenBucket, spend_all
from live.limits import Limits


@dataclass(frozen=True)
class Admission:
    """An admitted connection: its own bucket, and those shared with its address and key."""

    shared: tuple[str, ...]
    own: TokenBucket
    buckets: tuple[Bucket, ...]

    @property
    def group(self) -> str:
        """The key, or without one the address: the engine takes turns between these."""
        return self.shared[-1]

    def spend(self, units: int) -> float:
        """Charge units of work to the connection, its address and its key.

        Returns 0, or the seconds to wait if a rate is exceeded; then nothing is charged.
        """
        return spend_all((bucket, units) for bucket in (self.own, *self.buckets))

    def give_back(self, units: int) -> None:
        """Return what was charged for work that was refused."""
        for bucket in (self.own, *self.buckets):
            bucket.give_back(units)


class Bill:
    """The charge of one HTTP request: a minimum before it is read, the full price afterwards."""

    def __init__(self, buckets_of: Callable[[str | None], tuple[Sequence[str], Sequence[Bucket]]]) -> None:
        self._buckets_of = buckets_of
        self._buckets: Sequence[Bucket] = ()
        self._paid = 0
        self.group = ""
        """As for an admission, once something was charged."""

    def spend(self, units: int, key: str | None = None) -> float:
        """Charge units of work in total to address and key, including what was charged before.

        Returns 0, or the seconds to wait if the rate is exceeded; then nothing is charged.
        """
        for bucket in self._buckets:
            bucket.give_back(self._paid)
        names, self._buckets = self._buckets_of(key)
        self.group = names[-1]
        wait_s = spend_all((bucket, units) for bucket in self._buckets)
        self._paid = 0 if wait_s else units
        return wait_s

    def add(self, units: int) -> float:
        """Charge more. Returns 0, or the seconds to wait if the rate is exceeded; then no more is charged."""
        wait_s = spend_all((bucket, units) for bucket in self._buckets)
        self._paid += 0 if wait_s else units
        return wait_s

    def give_back(self, units: int) -> None:
        """Return what was charged for work that was refused."""
        self._paid -= units
        for bucket in self._buckets:
            bucket.give_back(units)


class Admissions:
    """The connections of this process, and a bucket per address and key."""

    _SWEEP_ABOVE = 1_024

    def __init__(self, new_bucket: Callable[[str, float, float], Bucket]) -> None:
        self._new_bucket = new_bucket
        self._open = 0
        self._connections: Counter[str] = Counter()
        self._buckets: dict[str, Bucket] = {}
        self._sweep_above = self._SWEEP_ABOVE

    def __len__(self) -> int:
        return self._open

    def enter(
        self, address: str, limits: Limits, key: str | None = None, own: Limits | None = None
    ) -> Admission | None:
        """Admit a connection, or return None if the process or the address has too many.

        ``own`` are the limits of this connection alone, where they are lower.
        """
        own = own or limits
        names = _shared_by(address, key)
        if self._open >= limits.max_connections or self._connections[names[0]] >= limits.max_connections_per_address:
            return None
        shared = self._buckets_of(names, limits)
        self._open += 1
        self._connections.update(names)
        return Admission(names, TokenBucket(own.work_per_s, own.work_burst), shared)

    def leave(self, admission: Admission) -> None:
        """Remove a connection. Its shared buckets stay until they are full: reconnecting must not refill them."""
        self._open -= 1
        self._connections.subtract(admission.shared)
        for name in admission.shared:
            if not self._connections[name]:
                del self._connections[name]

    def bill(self, address: str, limits: Limits) -> Bill:
        """Return a bill for one HTTP request."""

        def buckets_of(key: str | None) -> tuple[Sequence[str], Sequence[Bucket]]:
            names = _shared_by(address, key)
            return names, self._buckets_of(names, limits)

        return Bill(buckets_of)

    def _buckets_of(self, names: Sequence[str], limits: Limits) -> tuple[Bucket, ...]:
        if len(self._buckets) > self._sweep_above:
            self._sweep()
        per_s, burst = limits.work_per_s * limits.address_factor, limits.work_burst * limits.address_factor
        for name in names:
            if name not in self._buckets:
                self._buckets[name] = self._new_bucket(name, per_s, burst)
        return tuple(self._buckets[name] for name in names)

    def _sweep(self) -> None:
        self._buckets = {
            name: bucket for name, bucket in self._buckets.items() if name in self._connections or not bucket.is_full()
        }
        # Otherwise these would be searched again at every call.
        self._sweep_above = max(self._SWEEP_ABOVE, 2 * len(self._buckets))


def _shared_by(address: str, key: str | None) -> tuple[str, ...]:
    return (f"address:{address}",) if key is None else (f"address:{address}", f"key:{key}")


def new_bucket(name: str, per_s: float, burst: float) -> Bucket:
    """Return a bucket, shared between processes if there is a Redis."""
    bucket = TokenBucket(per_s, burst)
    return SharedBucket(bucket, name, per_s, burst) if settings.REDIS_URL else bucket


admissions = Admissions(new_bucket)
"""The admissions of this process."""

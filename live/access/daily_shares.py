"""Limits how often a day an address may do something that is stored, such as leaving feedback."""

from collections.abc import Callable
from typing import Final

from live.access.admissions import new_bucket
from live.access.token_buckets import Bucket

_DAY_S: Final = 86_400
_SWEEP_ABOVE: Final = 1_024


class DailyShares:
    """A token bucket per address, of a day's share. In memory, and in Redis if there is one: never in the database."""

    def __init__(self, name: str, new_bucket: Callable[[str, float, float], Bucket] = new_bucket) -> None:
        self._name = name
        self._new_bucket = new_bucket
        self._buckets: dict[str, Bucket] = {}
        self._sweep_above = _SWEEP_ABOVE

    def spend(self, address: str, per_day: int) -> float:
        """Take one of ``per_day``. Returns 0, or the seconds until there is one again."""
        if len(self._buckets) > self._sweep_above:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full()}
            self._sweep_above = max(_SWEEP_ABOVE, 2 * len(self._buckets))
        if address not in self._buckets:
            self._buckets[address] = self._new_bucket(f"{self._name}:{address}", per_day / _DAY_S, per_day)
        bucket = self._buckets[address]
        return 0.0 if bucket.take() else bucket.wait_s()

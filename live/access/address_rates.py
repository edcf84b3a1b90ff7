"""Limits how often an address may do something, such as leaving feedback or trying a password."""

from collections.abc import Callable
from typing import Final

from live.access.admissions import new_bucket
from live.access.token_buckets import Bucket

DAY_S: Final = 86_400
_SWEEP_ABOVE: Final = 1_024


class AddressRates:
    """A token bucket per address. In memory, and in Redis if there is one: never in the database."""

    def __init__(self, name: str, new_bucket: Callable[[str, float, float], Bucket] = new_bucket) -> None:
        self._name = name
        self._new_bucket = new_bucket
        self._buckets: dict[str, Bucket] = {}
        self._sweep_above = _SWEEP_ABOVE

    def spend(self, address: str, at_once: int, every_s: float) -> float:
        """Take one of ``at_once``; one comes back ``every_s``. Returns 0, or the seconds until there is one."""
        if len(self._buckets) > self._sweep_above:
            self._buckets = {name: bucket for name, bucket in self._buckets.items() if not bucket.is_full()}
            self._sweep_above = max(_SWEEP_ABOVE, 2 * len(self._buckets))
        if address not in self._buckets:
            self._buckets[address] = self._new_bucket(f"{self._name}:{address}", 1 / every_s, at_once)
        bucket = self._buckets[address]
        return 0.0 if bucket.take() else bucket.wait_s()

"""Latencies in an HdrHistogram, and which keys of a typist still wait for their answer."""

from collections import deque
from typing import Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

_LONGEST_US: Final = 600_000_000
_DIGITS: Final = 3
_PERCENTILES: Final = (50, 95, 99)


class Latencies:
    """From a microsecond to ten minutes, each to three digits; what is longer counts as ten minutes."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)

    def __len__(self) -> int:
        return int(self._histogram.get_total_count())

    def record(self, seconds: float) -> None:
        """Count one latency."""
        self._histogram.record_value(min(max(1, round(seconds * 1e6)), _LONGEST_US))

    def percentile_ms(self, percentile: float) -> float | None:
        """The latency in milliseconds that so many percent do not exceed; None where nothing was recorded."""
        return self._histogram.get_value_at_percentile(percentile) / 1000 if len(self) else None

    def summary_ms(self) -> dict[str, float | None]:
        """Percentiles and maximum, in milliseconds."""
        percentiles = {f"p{percentile}": self.percentile_ms(percentile) for percentile in _PERCENTILES}
        return {**percentiles, "max": self.percentile_ms(100)}

    def encoded(self) -> str:
        """The whole histogram in microseconds, compressed as HdrHistogram's own tools read it."""
        return str(self._histogram.encode().decode())


class Tally:
    """What all typists of a scenario count together. Only keys that are due within the window count."""

    def __init__(self) -> None:
        self.window_s = (float("inf"), float("inf"))
        """Begin and end on the clock of the keys; nothing counts before it is set."""
        self.latencies = Latencies()
        self.lateness = Latencies()
        """How much too late keys went out: what the client itself adds to each latency."""
        self.keys = 0
        self.answers = 0
        self.refused = 0

    def within(self, at_s: float) -> bool:
        """Whether this moment counts."""
        begin_s, end_s = self.window_s
        return begin_s <= at_s < end_s


class Ledger:
    """The keys of one typist that wait. An answer covers its own key and all before it."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._waiting: deque[tuple[int, float]] = deque()

    @property
    def settled(self) -> bool:
        """Whether the newest key has its answer."""
        return not self._waiting

    def typed(self, seq: int, due_s: float, now_s: float) -> None:
        """Note a key that was due at ``due_s`` and goes out now."""
        self._waiting.append((seq, due_s))
        if self._tally.within(due_s):
            self._tally.keys += 1
            self._tally.lateness.record(now_s - due_s)

    def answered(self, seq: int, now_s: float) -> None:
        """Count the latency of every key that this answer is the first to cover."""
        self._tally.answers += self._tally.within(now_s)
        while self._waiting and self._waiting[0][0] <= seq:
            self._record(self._waiting.popleft()[1], now_s)

    def give_up(self, now_s: float) -> None:
        """Count the keys without an answer as answered now: leaving them out would flatter a server that stalls."""
        while self._waiting:
            self._record(self._waiting.popleft()[1], now_s)

    def _record(self, due_s: float, now_s: float) -> None:
        if self._tally.within(due_s):
            self._tally.latencies.record(now_s - due_s)

"""Latency histograms, and each typist's unanswered keys."""

from collections import deque
from typing import Final

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

_LONGEST_US: Final = 600_000_000
_DIGITS: Final = 3
_PERCENTILES: Final = (50, 95, 99)


class Latencies:
    """Latencies from a microsecond to ten minutes, with three digits; longer ones count as ten minutes."""

    def __init__(self) -> None:
        self._histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)

    def __len__(self) -> int:
        return int(self._histogram.get_total_count())

    def record(self, seconds: float) -> None:
        """Record one latency."""
        self._histogram.record_value(min(max(1, round(seconds * 1e6)), _LONGEST_US))

    def percentile_ms(self, percentile: float) -> float | None:
        """Return a percentile in milliseconds, or None without records."""
        return self._histogram.get_value_at_percentile(percentile) / 1000 if len(self) else None

    def summary_ms(self) -> dict[str, float | None]:
        """Return percentiles and maximum, in milliseconds."""
        percentiles = {f"p{percentile}": self.percentile_ms(percentile) for percentile in _PERCENTILES}
        return {**percentiles, "max": self.percentile_ms(100)}

    def encoded(self) -> str:
        """Return the histogram in microseconds, in HdrHistogram's compressed format."""
        return str(self._histogram.encode().decode())


class Tally:
    """Totals of all typists of a scenario. Only keys due within the window count."""

    def __init__(self) -> None:
        self.window_s = (float("inf"), float("inf"))
        """Start and end on the clock of the keys; nothing counts before it is set."""
        self.latencies = Latencies()
        self.lateness = Latencies()
        """Delay of sent keys, which the client adds to each latency."""
        self.keys = 0
        self.answers = 0
        self.refused = 0

    def within(self, at_s: float) -> bool:
        """Return whether a time is within the window."""
        begin_s, end_s = self.window_s
        return begin_s <= at_s < end_s


class Ledger:
    """The unanswered keys of one typist. An answer covers its own key and all earlier ones."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._waiting: deque[tuple[int, float]] = deque()

    @property
    def settled(self) -> bool:
        """Whether the newest key is answered."""
        return not self._waiting

    def typed(self, seq: int, due_s: float, now_s: float) -> None:
        """Record a key that was due at ``due_s`` and is sent now."""
        self._waiting.append((seq, due_s))
        if self._tally.within(due_s):
            self._tally.keys += 1
            self._tally.lateness.record(now_s - due_s)

    def answered(self, seq: int, now_s: float) -> None:
        """Record the latency of each key that this answer covers first."""
        self._tally.answers += self._tally.within(now_s)
        while self._waiting and self._waiting[0][0] <= seq:
            self._record(self._waiting.popleft()[1], now_s)

    def give_up(self, now_s: float) -> None:
        """Record unanswered keys as answered now: leaving them out would favour a server that stalls."""
        while self._waiting:
            self._record(self._waiting.popleft()[1], now_s)

    def _record(self, due_s: float, now_s: float) -> None:
        if self._tally.within(due_s):
            self._tally.latencies.record(now_s - due_s)

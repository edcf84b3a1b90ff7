"""Whose turn is next: start-time fair queueing (Goyal et al. 1996), of groups, and within each of its parts."""

import heapq
import math
from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Final, Generic, Protocol, TypeVar

_KEPT: Final = 256
_MOST: Final = 4_096
"""Keys without waiting work are forgotten above the first number if they may be, above the second in any case."""


class Waiting(Protocol):
    """Some work that waits."""

    @property
    def turns(self) -> tuple[Hashable, ...]:
        """Who takes turns: the group, then the part of it, and so on."""
        ...


_Work = TypeVar("_Work", bound=Waiting)


class FairTurns(Generic[_Work]):
    """The order of work that waits.

    At each level, those with waiting work get equal parts, up to the size of one piece of work, whatever the others ask
    for. Time without work is not saved up: who comes back starts level with the one that is next.
    """

    def __init__(self) -> None:
        self._top = _Level()

    def enter(self, work: _Work) -> None:
        """Note that work comes. For a key that has waiting work already, this changes nothing."""
        level = self._top
        for key in work.turns:
            level.enter(key)
            level = level.below[key]

    def clear(self) -> None:
        """Forget what was done: nobody waited for it."""
        self._top = _Level()

    def in_turn(self, waiting: Iterable[_Work]) -> Iterator[_Work]:
        """Yield the waiting work in its order; first come, first served where that leaves a choice.

        Call ``spend`` for what is taken before asking for the next.
        """
        return _in_turn(self._top, 0, list(waiting))

    def spend(self, work: _Work, units: float, whole: float | None) -> None:
        """Count ``units`` of work that is done, and at the last level the ``whole`` work, once it is done.

        So of two long works of one group the first is finished before the second: in turns, both would come late.
        """
        level, (*groups, last) = self._top, work.turns
        for key in groups:
            level.done[key] += units
            level = level.below[key]
        level.done[last] += whole or 0


class _Level:
    """The work done for each of several keys. Whichever had least is next."""

    def __init__(self) -> None:
        self.done: dict[Hashable, float] = {}
        self.below: dict[Hashable, _Level] = {}
        """Of each key, those that take turns within it."""
        self._floor = 0.0
        """What the key that was next had, when last asked."""

    def enter(self, key: Hashable) -> None:
        self.done[key] = max(self.done.get(key, 0.0), self._floor)
        self.below.setdefault(key, _Level())

    def begin(self, waiting: Collection[Hashable]) -> None:
        """Note who waits before the next is chosen, and forget those who have nothing to remember."""
        self._floor = max(self._floor, min(map(self.done.__getitem__, waiting)))
        if len(self.done) <= _KEPT + 2 * len(waiting):
            return
        # A key that is not ahead of the others comes back as a new one would.
        latest = math.inf if len(self.done) > _MOST else self._floor
        for key in [key for key, done in self.done.items() if done <= latest and key not in waiting]:
            del self.done[key], self.below[key]


def _in_turn(level: _Level, depth: int, waiting: list[_Work]) -> Iterator[_Work]:
    if depth == len(waiting[0].turns):
        yield from waiting
        return
    lines: dict[Hashable, list[_Work]] = {}
    for work in waiting:
        lines.setdefault(work.turns[depth], []).append(work)
    level.begin(lines)
    # The number settles ties.
    heap = [
        (level.done[key], number, key, _in_turn(level.below[key], depth + 1, line))
        for number, (key, line) in enumerate(lines.items())
    ]
    heapq.heapify(heap)
    while heap:
        _, number, key, line = heapq.heappop(heap)
        for work in line:
            yield work
            heapq.heappush(heap, (level.done[key], number, key, line))
            break

"""Turns: equal parts for all who ask, whatever others ask for."""

import itertools
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from model_core.scheduling.turns import FairTurns


@dataclass(eq=False)
class Work:
    group: str
    part: str
    units: int
    asker: object = field(default_factory=object)

    @property
    def turns(self) -> tuple[str, str, object]:
        return self.group, self.part, self.asker


class Shop:
    """Does the waiting work, one after another."""

    def __init__(self) -> None:
        self._turns: FairTurns[Work] = FairTurns()
        self.waiting: list[Work] = []
        self.done: list[Work] = []

    def add(self, *works: Work) -> None:
        for work in works:
            self._turns.enter(work)
            self.waiting.append(work)

    def serve(self) -> Work:
        work = next(self._turns.in_turn(self.waiting))
        self._turns.spend(work, work.units, work.units)
        self.waiting.remove(work)
        self.done.append(work)
        if not self.waiting:
            self._turns.clear()
        return work


MOST = 100
DEMANDS = st.lists(
    st.tuples(st.integers(1, 20), st.integers(1, MOST)), min_size=2, max_size=6
)  # of each group: askers, and the units of each text


@settings(deadline=None, max_examples=50)
@given(DEMANDS, st.randoms(use_true_random=False))
def test_no_share_shrinks_below_an_equal_part_because_another_asks_for_more(
    demands: list[tuple[int, int]], rng: random.Random
) -> None:
    shop = Shop()
    askers = [
        [Work(f"group {number}", "short", units) for _ in range(count)] for number, (count, units) in enumerate(demands)
    ]
    works = list(itertools.chain.from_iterable(askers))
    rng.shuffle(works)
    shop.add(*works)
    for _ in range(100):
        served = shop.serve()
        shop.add(Work(served.group, served.part, served.units, served.asker))
        total = sum(work.units for work in shop.done)
        for number in range(len(demands)):
            got = sum(work.units for work in shop.done if work.group == f"group {number}")
            assert got >= total / len(demands) - 2 * MOST
    for each in askers:
        got_each = [sum(work.units for work in shop.done if work.asker is one.asker) for one in each]
        assert max(got_each) - min(got_each) <= 2 * MOST


def test_who_asks_for_little_is_next_however_much_others_have_waiting() -> None:
    shop = Shop()
    for _ in range(40):
        shop.add(Work("flood", "short", 50))
    for _ in range(20):
        shop.serve()
        key = Work("typist", "short", 5)
        shop.add(key)
        assert shop.serve() is key


def test_time_without_work_is_not_saved_up() -> None:
    shop = Shop()
    shop.add(Work("late", "short", 1))
    shop.serve()
    for _ in range(50):
        shop.add(Work("busy", "short", 10))
        shop.serve()
    shop.add(*(Work("busy", "short", 10) for _ in range(20)), *(Work("late", "short", 10) for _ in range(20)))
    groups = [shop.serve().group for _ in range(20)]
    assert 9 <= groups.count("late") <= 11


def test_long_work_begun_is_finished_before_the_next_of_its_kind() -> None:
    turns: FairTurns[Work] = FairTurns()
    first, second = Work("one", "long", 64), Work("one", "long", 64)
    for work in (first, second):
        turns.enter(work)
    for step in range(4):
        assert next(turns.in_turn([first, second])) is first
        turns.spend(first, 64, 256 if step == 3 else None)
    assert next(turns.in_turn([first, second])) is second


def test_who_has_not_asked_for_long_is_forgotten() -> None:
    shop = Shop()
    shop.add(Work("always", "short", 1_000_000), Work("always", "short", 1))
    shop.serve()
    for number in range(5_000):
        shop.add(Work(f"group {number}", "short", 1))
        shop.serve()
    assert len(shop._turns._top.done) <= 4_097

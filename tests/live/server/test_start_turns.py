import asyncio
from functools import partial

import pytest

from live.server.start_turns import StartTurns


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_addresses_start_in_turns() -> None:
    turns = StartTurns()
    started: list[str] = []
    for name in ("many 1", "many 2", "many 3"):
        turns.enter("many", partial(started.append, name))
    turns.enter("one", lambda: started.append("one"))
    await _turns(100)
    assert started == ["many 1", "one", "many 2", "many 3"]


async def test_few_requests_are_under_way_at_once() -> None:
    turns, under_way, most = StartTurns(), 0, 0

    async def request() -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await _turns(12)
        under_way -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            turns.enter("storm", lambda: group.create_task(request()))
        await _turns(300)
    assert most == 2


async def test_the_first_one_starts_at_once_also_after_others() -> None:
    turns = StartTurns()
    started: list[int] = []
    for number in range(3):
        turns.enter("one", partial(started.append, number))
        await _turns(2)
        assert started[-1] == number
        await _turns(100)


@pytest.mark.parametrize("ends", [False, True])
async def test_one_that_fails_stops_no_other(ends: bool, caplog: pytest.LogCaptureFixture) -> None:
    turns, started = StartTurns(), []

    def fail() -> None:
        raise OSError("gone")

    turns.enter("one", fail)
    turns.enter("one", lambda: started.append("next"))
    if ends:
        turns.end()
    await _turns(100)
    assert started == ["next"]
    assert [record.message for record in caplog.records] == ["a request could not be started"]


async def test_at_the_end_all_start_at_once_also_those_that_come_later() -> None:
    turns = StartTurns()
    started: list[str] = []
    for address in ("many", "many", "one"):
        turns.enter(address, partial(started.append, address))
    turns.end()
    assert started == ["many", "one", "many"]
    turns.enter("late", partial(started.append, "late"))
    assert started[3:] == ["late"]
    await _turns(100)
    assert len(started) == 4

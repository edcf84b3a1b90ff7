"""Background jobs run in turns of their groups; too many of one group are refused, and a place is never lost."""

import asyncio

import pytest

from model_core.errors import Overloaded
from model_core.scheduling.background_jobs import AT_ONCE, MOST_WAITING, BackgroundJobs


class Office:
    """Starts jobs, and notes the order in which they run."""

    def __init__(self) -> None:
        self.jobs = BackgroundJobs()
        self.begun: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str) -> None:
        """Ask for jobs; the first letter of a name is its group."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._job(name))
        await settle()

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await self.tasks[name]
        await settle()

    async def _job(self, name: str) -> None:
        async with self.jobs.turn(name[0]):
            self.begun.append(name)
            await self._ends[name].wait()


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_groups_take_turns_one_job_each_and_two_at_once() -> None:
    office = Office()
    await office.ask("a1", "a2", "a3", "b1", "c1", "b2")
    assert office.begun == ["a1", "b1"]
    await office.end("a1")
    assert office.begun[2:] == ["a2"], "a waits longer than c"
    await office.end("b1")
    assert office.begun[3:] == ["c1"]
    await office.end("a2", "c1")
    assert sorted(office.begun[4:]) == ["a3", "b2"]


async def test_many_jobs_of_one_group_are_refused_at_once_and_another_group_is_served() -> None:
    office = Office()
    await office.ask(*(f"a{number}" for number in range(40)))
    refused = [task for task in office.tasks.values() if task.done()]
    assert len(refused) == 40 - 1 - MOST_WAITING
    for task in refused:
        with pytest.raises(Overloaded) as refusal:
            await task
        assert refusal.value.retry_after_s > 0
    await office.ask("b1")
    assert office.begun == ["a0", "b1"]
    assert AT_ONCE == 2


async def test_a_job_that_is_cancelled_leaves_no_place_taken() -> None:
    office = Office()
    await office.ask("a1", "a2", "a3")
    office.tasks["a2"].cancel()
    await settle()
    office.tasks["a1"].cancel()
    await settle()
    assert office.begun == ["a1", "a3"]
    await office.end("a3")
    await office.ask("b1", "c1")
    assert office.begun[2:] == ["b1", "c1"]


async def test_a_job_cancelled_when_its_turn_comes_passes_it_on() -> None:
    office = Office()
    async with office.jobs.turn("a"):
        await office.ask("a1", "a2")
    office.tasks["a1"].cancel()  # Its turn has come, and it has not run yet.
    await settle()
    assert office.begun == ["a2"]

"""The gate admits work by weight and in order, and loses none."""

import asyncio

from model_core.scheduling.background_queue import Gate


class Visitor:
    """Goes through a gate, and stays until it is told to leave."""

    def __init__(self, gate: Gate, weight: int) -> None:
        self.inside = False
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._visit(gate, weight))

    async def _visit(self, gate: Gate, weight: int) -> None:
        async with gate.through(weight):
            self.inside = True
            await self._leave.wait()
        self.inside = False

    async def leave(self) -> None:
        self._leave.set()
        await self.task


async def visit(gate: Gate, *weights: int) -> list[Visitor]:
    visitors = [Visitor(gate, weight) for weight in weights]
    await settle()
    return visitors


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


def inside(visitors: list[Visitor]) -> list[bool]:
    return [visitor.inside for visitor in visitors]


async def test_so_much_is_let_in_and_the_rest_in_its_order() -> None:
    visitors = await visit(Gate(10), 6, 5, 4, 1)
    assert inside(visitors) == [True, False, False, False], "who is light does not overtake who is heavy"
    await visitors[0].leave()
    await settle()
    assert inside(visitors) == [False, True, True, True]


async def test_work_heavier_than_the_capacity_runs_alone() -> None:
    visitors = await visit(Gate(10), 99, 1)
    assert inside(visitors) == [True, False]
    await visitors[0].leave()
    await settle()
    assert inside(visitors) == [False, True]


async def test_cancelled_work_makes_room_for_the_next_in_line() -> None:
    visitors = await visit(Gate(10), 6, 5, 4)
    visitors[1].task.cancel()
    await settle()
    assert inside(visitors) == [True, False, True]


async def test_work_cancelled_on_admission_leaves_no_place_taken() -> None:
    gate = Gate(1)
    [first, second] = await visit(gate, 1, 1)
    first._leave.set()
    await first.task
    second.task.cancel()  # By now its turn has come, and it has not run yet.
    await settle()
    assert inside(await visit(gate, 1)) == [True]

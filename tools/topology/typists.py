"""Simulated people who type during a fault, and what happened to their newest texts."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest
from starcast_client import State

from tools.topology.site import Site


@dataclass
class Typed:
    """What one typist observed."""

    is_answered: bool
    """Whether the last rating was of the newest text."""
    reconnections: int
    longest_pause_s: float
    """Longest time between two answers."""


async def type_through(site: Site, event: Callable[[], Awaitable[None]], typists: int = 20) -> list[Typed]:
    """Simulate typists, each sending its next text after an answer; ``event`` runs once all have started.

    Each types on for some answers after it, then waits for the rating of its newest text.
    """
    underway = asyncio.Barrier(typists + 1)
    is_over = asyncio.Event()

    async def type_on(number: int) -> Typed:
        states: list[State] = []
        async with site.client(on_state=states.append) as client:
            text, answers, more = f"typist {number}:", 0, 20
            longest_s, before_s = 0.0, time.monotonic()
            client.update(text)
            async for _ in client.predictions():
                longest_s, before_s = max(longest_s, time.monotonic() - before_s), time.monotonic()
                answers += 1
                more -= is_over.is_set()
                if answers == 5:
                    await underway.wait()
                    longest_s, before_s = 0.0, time.monotonic()
                text += f" {answers}"
                client.update(text)
                if not more:
                    break
            rating = await client.flush()
            longest_s = max(longest_s, time.monotonic() - before_s)
            is_answered = rating.probabilities == pytest.approx((await client.rate(text)).probabilities, abs=1e-3)
            return Typed(is_answered, states.count(State.RECONNECTING), longest_s)

    async with asyncio.timeout(120), asyncio.TaskGroup() as group:
        tasks = [group.create_task(type_on(number)) for number in range(typists)]
        await underway.wait()
        await event()
        is_over.set()
    return [task.result() for task in tasks]

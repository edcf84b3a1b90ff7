"""Memory goes back to the system when there is more of it than the last time."""

import asyncio
import ctypes
import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from live.server import memory
from live.server.memory import keep_trimming, resident_bytes


@pytest.fixture(autouse=True)
def unfrozen() -> Iterator[None]:
    """The garbage of other tests is collected as usual."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


async def test_memory_is_given_back_after_it_has_grown_and_not_at_other_times(monkeypatch: pytest.MonkeyPatch) -> None:
    resident, in_use, trimmed, used_s = 100, 100, 0, 0.0
    pauses_s: list[float] = []

    def trim(_: int) -> int:
        nonlocal resident, trimmed
        resident, trimmed = in_use, trimmed + 1
        return 1

    def library(_: Any) -> SimpleNamespace:
        return SimpleNamespace(malloc_trim=trim)

    looks: asyncio.Queue[None] = asyncio.Queue()
    slept = asyncio.Event()

    async def sleep(pause_s: float) -> None:
        pauses_s.append(pause_s)
        slept.set()
        await looks.get()

    monkeypatch.setattr(ctypes, "CDLL", library)
    monkeypatch.setattr(memory, "resident_bytes", lambda: resident)
    monkeypatch.setattr(memory, "asyncio", SimpleNamespace(sleep=sleep, to_thread=asyncio.to_thread))
    monkeypatch.setattr(memory, "time", SimpleNamespace(process_time=lambda: used_s))
    task = asyncio.create_task(keep_trimming())
    counts = []
    for now, used, is_busy in (
        (120, 100, False), (105, 100, False), (150, 100, False), (600, 300, True), (600, 600, False), (600, 110, False),
        (110, 100, False), (50, 50, False), (60, 50, False),
    ):  # fmt: skip
        await slept.wait()
        slept.clear()
        resident, in_use, used_s = now, used, used_s + pauses_s[-1] * is_busy
        looks.put_nowait(None)
        await slept.wait()
        counts.append(trimmed)
    assert counts == [1, 1, 2, 2, 3, 4, 4, 4, 5]
    assert [pause_s > pauses_s[0] for pause_s in pauses_s[1:]] == [False] * 4 + [True] + [False] * 4
    task.cancel()
    await asyncio.wait([task])


async def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    await asyncio.wait_for(keep_trimming(), timeout=5)


async def test_what_was_loaded_is_left_out_and_garbage_is_collected_before_it_piles_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    before = gc.get_threshold()
    await asyncio.wait_for(keep_trimming(), timeout=5)
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold()[:2] == before[:2]
    assert gc.get_threshold()[2] < before[2]


def test_the_memory_of_this_process_is_some_megabytes() -> None:
    assert 10**7 < resident_bytes() < 10**11

"""Background work waits in its own queue, and keys go first."""

import asyncio

import pytest

from model_core.errors import ModelUnavailable
from model_core.ticket import Answer
from tests.model_core.engines import HeldClassifier, MakeEngine, outcomes, start, start_busy


@pytest.mark.parametrize(("waits_s", "next_ones"), [(60.0, ["key 1", "key 2"]), (1e-9, ["b1", "b2"])])
async def test_keys_go_before_background_work_unless_it_has_waited_for_long_and_never_share_a_batch_with_it(
    waits_s: float,
    next_ones: list[str],
    make_engine: MakeEngine,
    held: HeldClassifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model_core.scheduling.scheduler._BACKGROUND_WAITS_S", waits_s)
    engine = make_engine(held)
    first = await start_busy(engine, held)
    background = [asyncio.create_task(engine.classify(text, background=True)) for text in ("b1", "b2")]
    await asyncio.sleep(0)
    keys = await start(engine, "key 1", "key 2")
    held.open.set()
    await outcomes(first, *background, *keys)
    assert held.batches[:2] == [["first"], next_ones]
    assert sorted(map(len, held.batches)) == [1, 2, 2]


async def test_background_work_that_was_given_up_holds_up_no_key(
    make_engine: MakeEngine, held: HeldClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_core.scheduling.scheduler._BACKGROUND_WAITS_S", 1e-9)
    engine = make_engine(held)
    first = await start_busy(engine, held)
    background = asyncio.create_task(engine.classify("b1", background=True))
    await asyncio.sleep(0)
    [key] = await start(engine, "key 1")
    background.cancel()
    held.open.set()
    await outcomes(first, background, key)
    assert held.batches == [["first"], ["key 1"]]


@pytest.mark.parametrize(("typing_s", "quiet_s", "at_once"), [(60.0, 60.0, 1), (-1.0, 60.0, 5), (-1.0, -1.0, 8)])
async def test_background_batches_are_larger_a_second_after_the_last_key_and_largest_once_it_is_quiet(
    typing_s: float,
    quiet_s: float,
    at_once: int,
    make_engine: MakeEngine,
    held: HeldClassifier,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("model_core.scheduling.scheduler._TYPING_S", typing_s)
    monkeypatch.setattr("model_core.scheduling.scheduler._QUIET_S", quiet_s)
    engine = make_engine(held)
    first = await start_busy(engine, held)
    texts = [f"{number} " + "word " * 51 for number in range(8)]  # 52 tokens each
    background = [asyncio.create_task(engine.classify(text, background=True)) for text in texts]
    await asyncio.sleep(0)
    held.open.set()
    await outcomes(first, *background)
    assert held.batches[1:] == [texts[number : number + at_once] for number in range(0, 8, at_once)]


async def test_more_background_work_than_may_wait_is_all_done_and_leaves_room_for_keys(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, max_waiting=40, max_waiting_units=4_096)
    first = await start_busy(engine, held)
    texts = [f"{number} " + "word " * 390 for number in range(64)]  # 391 tokens each, eight times what may wait
    background = [asyncio.create_task(engine.classify(text, background=True)) for text in texts]
    await asyncio.sleep(0)
    assert engine.waiting == 1, "the others stand in line"
    keys = await start(engine, *(f"key {number}" for number in range(39)))
    held.open.set()
    answers = await outcomes(first, *background, *keys)
    assert [type(answer) for answer in answers] == [Answer] * len(answers)


async def test_background_work_has_a_deadline_of_its_own_in_line_too(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, deadline_ms=60_000, background_deadline_ms=50, max_waiting_units=64)
    first = await start_busy(engine, held)
    background = [asyncio.create_task(engine.classify(f"b{number} " * 40, background=True)) for number in range(2)]
    assert [type(outcome) for outcome in await outcomes(*background)] == [ModelUnavailable] * 2
    held.open.set()
    assert isinstance((await outcomes(first))[0], Answer)
    assert isinstance(await engine.classify("later", background=True), Answer), "their places are free again"


async def test_an_engine_that_closes_refuses_what_stands_in_line(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting_units=64)
    await start_busy(engine, held)
    background = [asyncio.create_task(engine.classify(f"b{number} " * 40, background=True)) for number in range(3)]
    await asyncio.sleep(0)
    held.open.set()
    await engine.close()
    assert [type(outcome) for outcome in await outcomes(*background)] == [ModelUnavailable] * 3

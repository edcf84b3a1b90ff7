"""Probes of the model: a real forward pass, shared by concurrent callers."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from live.serving import readiness
from live.serving.readiness import probe
from model_core.engine import Engine
from model_core.errors import ModelUnavailable, Overloaded
from model_core.options import EngineOptions
from tests.classifiers import ControlledClassifier


@pytest.fixture
async def held(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    """An engine whose model does not answer until its gate is opened."""
    classifier = ControlledClassifier(gate=threading.Event())
    engine = Engine(classifier, getattr(request, "param", EngineOptions(deadline_ms=200)))
    yield engine
    assert classifier.gate is not None
    classifier.gate.set()
    await engine.close()


def model_of(engine: Engine) -> ControlledClassifier:
    assert isinstance(engine._classifier, ControlledClassifier)
    return engine._classifier


async def answered(engine: Engine) -> None:
    answer = await probe(engine)
    assert answer is not None
    assert answer.prediction.tokens == 2


async def test_each_probe_is_a_text_that_the_model_has_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
    engine = Engine(ControlledClassifier())
    for _ in range(3):
        await answered(engine)
    assert len({text for batch in model_of(engine).batches for text in batch}) == 3
    await engine.close()


async def test_an_answer_stands_for_a_while_so_that_many_probes_cost_one_pass() -> None:
    engine = Engine(ControlledClassifier())
    for _ in range(100):
        await probe(engine)
    assert len(model_of(engine).batches) == 1
    await engine.close()


async def test_probes_of_a_model_that_hangs_wait_for_the_same_pass(held: Engine) -> None:
    probes = [asyncio.create_task(probe(held)) for _ in range(50)]
    assert await asyncio.to_thread(model_of(held).asked.acquire, timeout=10)
    assert held.waiting == 0
    outcomes = await asyncio.gather(*probes, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {ModelUnavailable}
    with pytest.raises(ModelUnavailable):
        await probe(held)
    assert len(model_of(held).batches) == 1
    assert held.waiting == 0


async def test_a_caller_that_gives_up_does_not_cancel_the_probe_of_the_others(held: Engine) -> None:
    first, second = (asyncio.create_task(probe(held)) for _ in range(2))
    assert await asyncio.to_thread(model_of(held).asked.acquire, timeout=10)
    first.cancel()
    await asyncio.wait([first])
    gate = model_of(held).gate
    assert gate is not None
    gate.set()
    answer = await second
    assert answer is not None
    assert answer.prediction.tokens == 2


async def test_a_model_that_comes_back_is_ready_again(held: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
    with pytest.raises(ModelUnavailable):
        await probe(held)
    gate = model_of(held).gate
    assert gate is not None
    gate.set()
    await answered(held)


@pytest.mark.parametrize("held", [EngineOptions(max_waiting=1)], indirect=True)
async def test_a_full_queue_is_busy_until_the_model_is_at_one_batch_for_longer_than_the_deadline(
    held: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
    taken = asyncio.create_task(held.classify("taken"))
    assert await asyncio.to_thread(model_of(held).asked.acquire, timeout=10)
    waits = asyncio.create_task(held.classify("waits"))
    await asyncio.sleep(0)
    assert await probe(held) is None
    monkeypatch.setattr(Engine, "busy_s", 5.1)
    with pytest.raises(Overloaded):
        await probe(held)
    gate = model_of(held).gate
    assert gate is not None
    gate.set()
    await asyncio.gather(taken, waits)


async def test_a_probe_that_times_out_means_a_busy_model_unless_the_model_is_stuck(
    held: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_FRESH_S", 0.0)
    monkeypatch.setattr(Engine, "busy_s", 0.01)
    assert await probe(held) is None
    monkeypatch.setattr(Engine, "busy_s", 0.19)
    with pytest.raises(ModelUnavailable):
        await probe(held)

import asyncio
import dataclasses
import logging
import queue
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from model_core.cache import Caches, EncoderCache
from model_core.classifier import Prediction
from model_core.engine import Answer, Engine, EngineOptions
from model_core.errors import EngineError, ModelUnavailable, Overloaded
from model_core.fake import FAKE_INFO, FakeClassifier

PATIENCE_S = 60
"""Only a broken engine needs so long."""

MakeEngine = Callable[..., Engine]


class HeldClassifier(FakeClassifier):
    """A fake whose gate is shut, and which tells when the model thread has come to it."""

    def __init__(self, fail_on: str | None = None) -> None:
        self.open = threading.Event()
        self._reached: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        super().__init__(fail_on, gate=self.open)

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        self._reached.put(list(texts))
        return super().classify(texts, caches)

    async def reached(self) -> list[str]:
        """Wait until the model thread takes up a batch."""
        return await asyncio.to_thread(self._reached.get, timeout=PATIENCE_S)


@pytest.fixture
async def held() -> AsyncIterator[HeldClassifier]:
    classifier = HeldClassifier()
    yield classifier
    classifier.open.set()


@pytest.fixture
async def make_engine() -> AsyncIterator[MakeEngine]:
    engines: list[Engine] = []

    def make(classifier: FakeClassifier | None = None, **options: int) -> Engine:
        engines.append(
            Engine(classifier or FakeClassifier(), EngineOptions(**{"deadline_ms": PATIENCE_S * 1000, **options}))
        )
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()


async def start(engine: Engine, *texts: str) -> list[asyncio.Task[Answer]]:
    """Ask for texts without waiting for the answers; on return all of them wait in the engine."""
    tasks = [asyncio.create_task(engine.classify(text)) for text in texts]
    await asyncio.sleep(0)
    return tasks


async def start_busy(engine: Engine, classifier: HeldClassifier) -> asyncio.Task[Answer]:
    """Occupy the model with a text."""
    [task] = await start(engine, "first")
    assert await classifier.reached() == ["first"]
    return task


async def outcomes(*tasks: asyncio.Task[Answer]) -> list[Answer | BaseException]:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_text_is_answered_with_its_prediction_and_its_times(make_engine: MakeEngine) -> None:
    answer = await make_engine().classify("a good film")
    assert answer.prediction == FakeClassifier().classify(["a good film"])[0]
    assert answer.queue_ms >= 0
    assert answer.inference_ms >= 0


async def test_the_engine_tells_which_model_answers(make_engine: MakeEngine) -> None:
    assert make_engine().info is FAKE_INFO


async def test_each_of_many_callers_gets_its_own_answer(make_engine: MakeEngine) -> None:
    engine = make_engine(max_batch=7)
    texts = [f"film {number}" for number in range(100)]
    answers = await asyncio.gather(*map(engine.classify, texts))
    assert [answer.prediction for answer in answers] == FakeClassifier().classify(texts)


async def test_the_first_text_leaves_at_once(make_engine: MakeEngine, held: HeldClassifier) -> None:
    await start_busy(make_engine(held), held)
    assert held.batches == [["first"]]


async def test_texts_that_wait_while_the_model_is_busy_go_in_one_batch(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held)
    first = await start_busy(engine, held)
    waiting = await start(engine, "a", "b", "c")
    held.open.set()
    await outcomes(first, *waiting)
    assert held.batches == [["first"], ["a", "b", "c"]]


async def test_a_batch_has_no_more_texts_than_the_options_say(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_batch=2)
    first = await start_busy(engine, held)
    waiting = await start(engine, "a", "b", "c", "d", "e")
    held.open.set()
    await outcomes(first, *waiting)
    assert held.batches == [["first"], ["a", "b"], ["c", "d"], ["e"]]


async def test_a_batch_has_no_more_tokens_than_the_options_say(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_batch_tokens=100)
    first = await start_busy(engine, held)
    short, long, huge = "word", "word " * 32, "word " * 400  # about 3, 42 and more than 100 tokens
    waiting = await start(engine, long, long, short, long, huge, short)
    held.open.set()
    await outcomes(first, *waiting)
    assert held.batches == [["first"], [long, long, short], [long], [huge], [short]]


async def test_the_model_runs_in_one_thread_of_its_own(make_engine: MakeEngine) -> None:
    names: list[str] = []

    class Named(FakeClassifier):
        def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
            names.append(threading.current_thread().name)
            return super().classify(texts, caches)

    engine = make_engine(Named())
    for text in ("a", "b", "c"):
        await engine.classify(text)
    assert len(set(names)) == 1
    assert names[0].startswith("starcast-model")


async def test_a_text_that_makes_the_model_fail_fails_alone(make_engine: MakeEngine) -> None:
    held = HeldClassifier(fail_on="poison")
    engine = make_engine(held)
    first = await start_busy(engine, held)
    waiting = await start(engine, "good", "poison", "bad")
    held.open.set()
    _, good, poisoned, bad = await outcomes(first, *waiting)
    assert isinstance(good, Answer)
    assert isinstance(bad, Answer)
    assert [good.prediction, bad.prediction] == FakeClassifier().classify(["good", "bad"])
    assert type(poisoned) is EngineError


async def test_the_engine_goes_on_after_a_failure(make_engine: MakeEngine) -> None:
    engine = make_engine(FakeClassifier(fail_on="poison"))
    with pytest.raises(EngineError):
        await engine.classify("poison")
    assert (await engine.classify("good")).prediction.tokens == 1


async def test_the_log_of_a_failure_does_not_hold_the_text(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError):
        await make_engine(FakeClassifier(fail_on="poison")).classify("a secret with poison")
    assert "the model failed on a text of 20 characters" in caplog.text
    assert "secret" not in caplog.text


async def test_a_model_that_answers_too_little_leaves_nobody_waiting(make_engine: MakeEngine) -> None:
    class Short(FakeClassifier):
        def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
            return []

    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(EngineError, match="failed on this text"):
            await make_engine(Short()).classify("good")


async def test_one_text_too_many_is_refused_at_once(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting=2)
    first = await start_busy(engine, held)
    waiting = await start(engine, "a", "b")
    with pytest.raises(Overloaded):  # The model stays held: there is nothing this could have waited for.
        await engine.classify("c")
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting))
    assert ["c"] not in held.batches
    assert isinstance(await engine.classify("c"), Answer)


async def test_too_many_waiting_tokens_are_refused_at_once(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting_tokens=100)
    first = await start_busy(engine, held)
    waiting = await start(engine, "word " * 70)
    with pytest.raises(Overloaded):
        await engine.classify("word " * 70)
    waiting += await start(engine, "short")
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting))


async def test_a_text_over_the_whole_budget_is_taken_when_nothing_waits(make_engine: MakeEngine) -> None:
    assert isinstance(await make_engine(max_waiting_tokens=1, max_batch_tokens=1).classify("word " * 1000), Answer)


async def test_a_hung_model_makes_texts_fail_by_their_deadline(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, deadline_ms=50)
    first = await start_busy(engine, held)
    [second] = await start(engine, "second")
    assert [type(outcome) for outcome in await outcomes(first, second)] == [ModelUnavailable] * 2


async def test_a_text_past_its_deadline_gives_its_place_back(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, deadline_ms=50, max_waiting=2, max_waiting_tokens=4)
    first = await start_busy(engine, held)
    for _ in range(2):  # Two tokens each: they would be refused, were any text or token still counted as waiting.
        late = await start(engine, "a", "b")
        assert [type(outcome) for outcome in await outcomes(*late)] == [ModelUnavailable] * 2
    await outcomes(first)
    engine._options = EngineOptions(deadline_ms=PATIENCE_S * 1000)
    held.open.set()
    assert isinstance(await engine.classify("after"), Answer)
    assert held.batches == [["first"], ["after"]]


async def test_cancelled_callers_never_reach_the_model(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting=2)
    first = await start_busy(engine, held)
    gone, stays = await start(engine, "gone", "stays")
    gone.cancel()
    assert [type(outcome) for outcome in await outcomes(gone)] == [asyncio.CancelledError]
    [next_one] = await start(engine, "next")
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, stays, next_one))
    assert held.batches == [["first"], ["stays", "next"]]


async def test_a_caller_cancelled_just_before_the_batch_is_made_never_reaches_the_model(
    make_engine: MakeEngine,
) -> None:
    fake = FakeClassifier()
    engine = make_engine(fake)
    gone, stays = await start(engine, "gone", "stays")
    gone.cancel()  # The worker runs before the cancelled caller does, and meets its entry.
    assert isinstance((await outcomes(stays))[0], Answer)
    assert fake.batches == [["stays"]]
    assert gone.cancelled()


async def test_a_caller_that_leaves_while_the_model_reads_its_text_harms_nobody(
    make_engine: MakeEngine, held: HeldClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(held)
    first = await start_busy(engine, held)
    [second] = await start(engine, "second")
    first.cancel()
    held.open.set()
    assert isinstance((await outcomes(second))[0], Answer)
    assert first.cancelled()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_an_idle_engine_has_no_task(make_engine: MakeEngine) -> None:
    before = asyncio.all_tasks()
    engine = make_engine()
    assert asyncio.all_tasks() == before
    await engine.classify("a")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_closing_refuses_what_waits_and_leaves_no_task(held: HeldClassifier) -> None:
    before = asyncio.all_tasks()
    engine = Engine(held)
    first = await start_busy(engine, held)
    waiting = await start(engine, "a", "b")
    [thread] = engine._executor._threads
    await engine.close()
    assert [type(outcome) for outcome in await outcomes(first, *waiting)] == [ModelUnavailable] * 3
    assert asyncio.all_tasks() == before
    held.open.set()
    await asyncio.to_thread(thread.join, PATIENCE_S)
    assert not thread.is_alive()
    assert held.batches == [["first"]]


async def test_closing_takes_callers_that_were_just_cancelled(held: HeldClassifier) -> None:
    engine = Engine(held)
    first = await start_busy(engine, held)
    gone, stays = await start(engine, "gone", "stays")
    gone.cancel()
    await engine.close()
    assert [type(outcome) for outcome in await outcomes(first, gone, stays)] == [
        ModelUnavailable,
        asyncio.CancelledError,
        ModelUnavailable,
    ]


async def test_a_closed_engine_refuses_texts_and_may_be_closed_again(make_engine: MakeEngine) -> None:
    engine = make_engine()
    await engine.classify("a")
    await engine.close()
    with pytest.raises(ModelUnavailable, match="closed"):
        await engine.classify("b")
    await engine.close()


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(EngineOptions)])
@pytest.mark.parametrize("value", [0, -1])
def test_options_without_sense_are_refused_by_name(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be 1 or more"):
        EngineOptions(**{name: value})


# What is kept between keys


class RememberingClassifier(FakeClassifier):
    """Notes the caches it is given and, like a real one, writes to them before it may fail."""

    def __init__(self, fail_on: str | None = None) -> None:
        super().__init__(fail_on)
        self.given: list[EncoderCache | None] = []

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        assert caches is not None
        self.given += caches
        for cache in caches:
            if cache is not None:
                cache.input_ids = (1, 2, 3)
        return super().classify(texts, caches)


async def test_each_text_comes_with_the_cache_of_its_caller(make_engine: MakeEngine) -> None:
    classifier, cache = RememberingClassifier(), EncoderCache()
    engine = make_engine(classifier)
    await asyncio.gather(engine.classify("a", cache), engine.classify("b"))
    assert classifier.given == [cache, None]
    assert cache.input_ids == (1, 2, 3)


async def test_after_a_failure_nothing_half_written_is_kept(make_engine: MakeEngine) -> None:
    cache = EncoderCache()
    with pytest.raises(EngineError):
        await make_engine(RememberingClassifier(fail_on="bad")).classify("bad", cache)
    assert cache.input_ids == ()


async def test_a_text_that_is_mostly_known_takes_less_of_the_bound(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, max_waiting_tokens=60)
    first = await start_busy(engine, held)
    known = EncoderCache()
    known.input_ids = tuple(range(45))
    waiting = await start(engine, "x" * 200)
    [refused] = await outcomes(asyncio.create_task(engine.classify("x" * 200)))
    assert isinstance(refused, Overloaded)
    taken = asyncio.create_task(engine.classify("x" * 200, known))
    await asyncio.sleep(0)
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting, taken))

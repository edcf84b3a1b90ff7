import asyncio
import contextlib
import contextvars
import dataclasses
import gc
import logging
import threading
from collections.abc import Sequence

import pytest

from model_core.cache import Caches, EncoderCache
from model_core.classifier import Input, Prediction
from model_core.engine import Engine
from model_core.errors import EngineError, ModelUnavailable, Overloaded
from model_core.fake import FAKE_INFO, FakeClassifier
from model_core.options import EngineOptions
from model_core.ticket import Answer
from model_core.work import LONG_TOKENS, Size
from tests.classifiers import ControlledClassifier
from tests.model_core.engines import PATIENCE_S, HeldClassifier, MakeEngine, outcomes, start, start_busy


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


async def test_a_batch_has_no_more_work_than_the_options_say(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_batch_units=66)
    first = await start_busy(engine, held)
    short, middle, huge = "word", "word " * 32, "word " * 400
    waiting = await start(engine, middle, middle, short, middle, huge, short)
    held.open.set()
    await outcomes(first, *waiting)
    assert held.batches == [["first"], [huge], [middle, middle, short], [middle, short]]


async def test_the_model_runs_in_one_thread_of_its_own(make_engine: MakeEngine) -> None:
    names: list[str] = []

    class Named(FakeClassifier):
        def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
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
    engine = make_engine(ControlledClassifier(fail_on="poison"))
    with pytest.raises(EngineError):
        await engine.classify("poison")
    assert (await engine.classify("good")).prediction.tokens == 1


async def test_the_log_of_a_failure_does_not_hold_the_text(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(EngineError):
        await make_engine(ControlledClassifier(fail_on="poison")).classify("a secret with poison")
    assert "the model failed on a text of 20 characters" in caplog.text
    assert "secret" not in caplog.text


async def test_all_callers_get_an_error_when_the_model_returns_too_few_answers(make_engine: MakeEngine) -> None:
    class Short(FakeClassifier):
        def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
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
    engine = make_engine(held, max_waiting_units=100)
    first = await start_busy(engine, held)
    waiting = await start(engine, "word " * 70)
    with pytest.raises(Overloaded):
        await engine.classify("word " * 70)
    waiting += await start(engine, "short")
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting))


async def test_keys_leave_room_for_a_long_text(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting_units=1_200)
    first = await start_busy(engine, held)
    waiting = await start(engine, *[f"{number} " + "word " * 80 for number in range(8)])  # about 100 tokens each
    waiting += await start(engine, "word " * 200)
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting))


async def test_a_text_that_waits_is_replaced_by_a_newer_one_in_the_same_turn(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, max_waiting=3)
    first = await start_busy(engine, held)
    tickets = {text: engine.submit(text) for text in "abc"}
    assert engine.replace_text(tickets["a"], "a and")
    assert engine.replace_text(tickets["a"], "a and more")
    # What would have to be read in steps waits for a turn of its own.
    assert not engine.replace_text(tickets["b"], "b " * 600)
    held.open.set()
    answers = [await ticket for ticket in tickets.values()]
    await outcomes(first)
    assert [sorted(map(str, batch)) for batch in held.batches] == [["first"], ["a and more", "b", "c"]]
    assert [answer.prediction for answer in answers] == FakeClassifier().classify(["a and more", "b", "c"])


async def test_a_text_that_the_model_has_begun_with_or_answered_is_not_replaced(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held)
    ticket = engine.submit("first")
    await held.reached()
    assert not engine.replace_text(ticket, "second")
    held.open.set()
    await ticket
    assert not engine.replace_text(ticket, "third")
    assert held.batches == [["first"]]


async def test_a_long_text_is_read_to_its_end_whatever_is_written_since(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held)
    first = await start_busy(engine, held)
    text = "word " * 400
    ticket = engine.submit(text)
    assert not engine.replace_text(ticket, "short")
    held.open.set()
    await outcomes(first)
    await ticket
    assert held.batches == [["first"], [text]]


async def test_a_text_that_becomes_long_while_it_waits_is_read_in_steps(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held)
    first = await start_busy(engine, held)
    ticket, other = engine.submit("b " * (LONG_TOKENS - 4)), engine.submit("c")
    longer = "b " * (LONG_TOKENS + 2)
    assert engine.replace_text(ticket, longer)
    held.open.set()
    await outcomes(first)
    assert (await ticket).prediction == FakeClassifier().classify([longer])[0]
    await other
    assert held.batches == [["first"], ["c"], [longer]]
    assert engine.waiting == 0


async def test_many_small_replacements_need_the_room_of_what_they_add(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, max_waiting_units=100)
    await start_busy(engine, held)
    ticket = engine.submit("b")
    for letters in range(2, 60):
        assert engine.replace_text(ticket, "b " * letters)
    with pytest.raises(Overloaded):
        engine.submit("word " * 60)
    refused = [letters for letters in range(60, 200) if not engine.replace_text(ticket, "b " * letters)]
    assert refused, "it would become long"


async def test_a_replaced_text_that_cannot_be_tokenised_fails_alone(
    make_engine: MakeEngine, held: HeldClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(held)
    first = await start_busy(engine, held)
    ticket = engine.submit("a")
    [other] = await start(engine, "b")
    assert engine.replace_text(ticket, "bad")
    measure = held.measure

    def fail(text: Input, cache: EncoderCache) -> Size:
        if text == "bad":
            raise ValueError(text)
        return measure(text, cache)

    monkeypatch.setattr(held, "measure", fail)
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, other))
    with pytest.raises(EngineError, match="the model failed on this text"):
        await ticket


async def test_the_deadline_is_that_of_the_newest_text(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, deadline_ms=200)
    first = await start_busy(engine, held)
    ticket = engine.submit("a")

    async def answer() -> Answer:
        return await ticket

    waiting = asyncio.create_task(answer())
    now = asyncio.get_running_loop().time
    begun = now()
    await asyncio.sleep(0.1)
    assert engine.replace_text(ticket, "b")
    assert isinstance((await outcomes(waiting, first))[0], ModelUnavailable)
    assert now() >= begun + 0.3


async def test_a_replaced_text_counts_with_the_tokens_it_has_now(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting_units=100)
    await start_busy(engine, held)
    ticket = engine.submit("word " * 70)
    assert engine.replace_text(ticket, "word")
    ticket = engine.submit("word " * 70)
    with pytest.raises(Overloaded):
        engine.submit("word " * 70)


async def test_a_text_over_the_whole_budget_is_taken_when_nothing_waits(make_engine: MakeEngine) -> None:
    assert isinstance(await make_engine(max_waiting_units=1, max_batch_units=1).classify("word " * 1000), Answer)


async def test_a_hung_model_makes_texts_fail_by_their_deadline(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, deadline_ms=50)
    first = await start_busy(engine, held)
    [second] = await start(engine, "second")
    assert [type(outcome) for outcome in await outcomes(first, second)] == [ModelUnavailable] * 2


async def test_a_text_past_its_deadline_gives_its_place_back(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, deadline_ms=50, max_waiting=2, max_waiting_units=4)
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
    fake = ControlledClassifier()
    engine = make_engine(fake)
    gone, stays = await start(engine, "gone", "stays")
    gone.cancel()  # The worker runs before the cancelled caller does, and meets its entry.
    assert isinstance((await outcomes(stays))[0], Answer)
    assert fake.batches == [["stays"]]
    assert gone.cancelled()


async def test_a_caller_that_leaves_while_its_text_is_rated_does_not_affect_others(
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


async def test_an_error_that_nobody_waits_for_is_not_logged(
    held: HeldClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(held)
    first = await start_busy(engine, held)
    engine.submit("a")
    await engine.close()
    await outcomes(first)
    held.open.set()
    gc.collect()
    assert not caplog.records


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


async def test_closing_raises_nothing_of_a_worker_that_died(
    held: HeldClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(held)

    def fail(_: object) -> None:
        raise RuntimeError("the worker was told to die")

    monkeypatch.setattr(engine._waiting, "take", fail)
    ticket = engine.submit("a")
    await asyncio.sleep(0)
    await engine.close()
    with pytest.raises(ModelUnavailable):
        await ticket
    await asyncio.sleep(0)
    assert "the worker was told to die" in caplog.text


async def test_who_is_cancelled_while_closing_an_engine_is_cancelled(
    held: HeldClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(held)
    may_end = asyncio.Event()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await may_end.wait()

    worker = engine._worker = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    closing = asyncio.create_task(engine.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    with pytest.raises(RuntimeError, match="shutdown"):
        engine._executor.submit(print)
    may_end.set()
    await worker


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
    with pytest.raises(ValueError, match=name):
        EngineOptions(**{name: value})


class Record:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, bool]] = []

    def on_batch(self, queue_s: Sequence[float], inference_s: float, background: bool) -> None:
        assert all(waited >= 0 for waited in (*queue_s, inference_s))
        self.batches.append((len(queue_s), background))


async def test_an_observer_is_told_of_each_batch(held: HeldClassifier) -> None:
    record = Record()
    engine = Engine(held, observer=record)
    first = await start_busy(engine, held)
    waiting = [*await start(engine, "a", "b"), asyncio.create_task(engine.classify("later", background=True))]
    await asyncio.sleep(0)
    assert engine.waiting == 3
    assert engine.busy_s > 0
    held.open.set()
    await outcomes(first, *waiting)
    assert record.batches == [(1, False), (2, False), (1, True)]
    assert (engine.waiting, engine.busy_s) == (0, 0)
    await engine.close()


async def test_a_failure_is_logged_where_the_caller_is_and_without_the_text(
    make_engine: MakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="nobody")
    seen: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(caller.get())

    async def ask(name: str, text: str) -> None:
        caller.set(name)
        with pytest.raises(EngineError):
            await engine.classify(text)

    engine = make_engine(ControlledClassifier(fail_on="bad"))
    handler = Handler()
    logging.getLogger("model_core.ticket").addHandler(handler)
    try:
        await asyncio.gather(ask("first", "bad 1"), ask("second", "bad 2"))
    finally:
        logging.getLogger("model_core.ticket").removeHandler(handler)
    assert sorted(seen) == ["first", "second"]
    assert "bad" not in caplog.text.replace("RuntimeError", "")


async def test_an_observer_that_raises_loses_no_answer_and_is_logged_once(
    held: HeldClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    class Raising:
        def on_batch(self, queue_s: Sequence[float], inference_s: float, background: bool) -> None:
            raise RuntimeError("the observer was told to fail")

    engine = Engine(held, observer=Raising())
    first = await start_busy(engine, held)
    waiting = await start(engine, "a", "b")
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting))
    await engine.close()
    assert [record.message for record in caplog.records] == ["the engine's observer failed"]

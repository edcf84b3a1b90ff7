"""The sequence contract, with a fake model that answers when a test says so."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

import pytest

from live.messages.client import SessionOptions, TextUpdate
from live.messages.protocol import ProtocolError
from live.messages.server import ErrorMessage, ExplanationMessage, ModelChanged, PredictionMessage
from live.socket.session import TypingSession
from model_core.engine import Engine
from model_core.options import EngineOptions
from tests.classifiers import ControlledClassifier


class Typist:
    """A session with a record of what it sent."""

    def __init__(self, classifier: ControlledClassifier, options: EngineOptions | None = None) -> None:
        self.classifier = classifier
        self.engine = Engine(classifier, options)
        self.sent: asyncio.Queue[ModelChanged | PredictionMessage | ExplanationMessage | ErrorMessage] = asyncio.Queue()
        self.session = TypingSession(self.engine, self.sent.put)

    def type(self, seq: int, text: str | None = None) -> None:
        self.session.update(TextUpdate(type="text.update", seq=seq, text=text or f"text {seq}"))

    async def prediction(self) -> PredictionMessage:
        async with asyncio.timeout(10):
            message = await self.sent.get()
        assert isinstance(message, PredictionMessage), message
        return message

    async def error(self) -> ErrorMessage:
        async with asyncio.timeout(10):
            message = await self.sent.get()
        assert isinstance(message, ErrorMessage), message
        return message

    async def model_is_busy(self) -> None:
        """Return once the model thread has been given a batch."""
        assert await asyncio.to_thread(self.classifier.asked.acquire, timeout=10)

    async def waits_in_the_engine(self) -> None:
        """Return once a text waits for the model, behind the batch that it is in."""
        async with asyncio.timeout(10):
            while not self.engine.waiting:  # noqa: ASYNC110 - the engine has no event for this
                await asyncio.sleep(0)


@pytest.fixture
async def typist() -> AsyncIterator[Typist]:
    typist = Typist(ControlledClassifier(gate=threading.Event()))
    yield typist
    assert typist.classifier.gate is not None
    typist.classifier.gate.set()
    await typist.session.close()
    await typist.engine.close()


def let_go(typist: Typist) -> None:
    assert typist.classifier.gate is not None
    typist.classifier.gate.set()


async def test_the_first_text_leaves_at_once_and_the_newest_takes_the_place_of_what_waits(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    for seq in (2, 3, 4):
        typist.type(seq)
    let_go(typist)
    first, last = await typist.prediction(), await typist.prediction()
    assert (first.seq, first.skipped) == (1, 0)
    assert (last.seq, last.skipped) == (4, 2)
    assert typist.classifier.batches == [["text 1"], ["text 4"]]


async def test_a_text_that_the_model_has_not_come_to_gives_its_place_to_the_newest(typist: Typist) -> None:
    other = asyncio.create_task(typist.engine.classify("another typist"))
    await typist.model_is_busy()
    typist.type(1)
    await typist.waits_in_the_engine()
    for seq in (2, 3):
        typist.type(seq)
    await typist.session.flush()
    let_go(typist)
    await other
    answer = await typist.prediction()
    assert (answer.seq, answer.skipped, answer.is_final) == (3, 2, True)
    assert typist.classifier.batches == [["another typist"], ["text 3"]]
    typist.type(4)
    following = await typist.prediction()
    assert (following.seq, following.skipped) == (4, 0)


async def test_a_long_text_waits_for_a_turn_of_its_own(typist: Typist) -> None:
    other = asyncio.create_task(typist.engine.classify("another typist"))
    await typist.model_is_busy()
    typist.type(1)
    await typist.waits_in_the_engine()
    typist.type(2, "word " * 400)
    typist.type(3)
    let_go(typist)
    await other
    answer = await typist.prediction()
    assert (answer.seq, answer.skipped) == (3, 2)
    assert typist.classifier.batches == [["another typist"], ["text 3"]]


async def test_a_text_that_took_the_place_of_another_in_the_engine_is_answered_although_cancelled(
    typist: Typist,
) -> None:
    other = asyncio.create_task(typist.engine.classify("another typist"))
    await typist.model_is_busy()
    typist.type(1)
    await typist.waits_in_the_engine()
    typist.type(2)
    typist.session.cancel()
    let_go(typist)
    await other
    answer = await typist.prediction()
    assert (answer.seq, answer.skipped) == (2, 1)


async def test_an_error_names_the_text_that_was_read_and_what_was_passed_over_is_told_later(typist: Typist) -> None:
    typist.classifier.fail_on = "bad"
    other = asyncio.create_task(typist.engine.classify("another typist"))
    await typist.model_is_busy()
    typist.type(1)
    await typist.waits_in_the_engine()
    typist.type(2, "a bad text")
    let_go(typist)
    await other
    assert (await typist.error()).error.seq == 2
    typist.type(3)
    answer = await typist.prediction()
    assert (answer.seq, answer.skipped) == (3, 1)


async def test_a_seq_that_does_not_increase_is_refused_and_changes_nothing(typist: Typist) -> None:
    typist.type(5)
    for seq in (5, 4, 0):
        with pytest.raises(ProtocolError) as caught:
            typist.type(seq)
        assert (caught.value.code, caught.value.seq) == ("seq_not_increasing", seq)
    let_go(typist)
    assert (await typist.prediction()).seq == 5
    typist.type(6)
    assert (await typist.prediction()).seq == 6


async def test_the_newest_text_is_answered_although_the_one_before_failed(typist: Typist) -> None:
    typist.classifier.fail_on = "bad"
    typist.type(1, "a bad text")
    await typist.model_is_busy()
    typist.type(2)
    typist.type(3)
    let_go(typist)
    error = (await typist.error()).error
    assert (error.code, error.seq, error.retryable) == ("internal", 1, True)
    last = await typist.prediction()
    assert (last.seq, last.skipped) == (3, 1)


async def test_the_text_itself_is_in_no_error_and_in_no_log(typist: Typist, caplog: pytest.LogCaptureFixture) -> None:
    typist.classifier.fail_on = "secret"
    let_go(typist)
    typist.type(1, "my secret review")
    assert "secret" not in (await typist.error()).error.message
    assert caplog.records
    assert "secret review" not in caplog.text


async def test_a_full_queue_answers_overloaded() -> None:
    gate = threading.Event()
    typist = Typist(ControlledClassifier(gate=gate), EngineOptions(max_waiting=1))
    others = [asyncio.create_task(typist.engine.classify("busy"))]
    await typist.model_is_busy()
    others.append(asyncio.create_task(typist.engine.classify("waits")))
    await asyncio.sleep(0)
    typist.type(1)
    error = (await typist.error()).error
    assert (error.code, error.seq, error.retryable) == ("overloaded", 1, True)
    gate.set()
    await asyncio.gather(*others)
    typist.type(2)
    assert (await typist.prediction()).seq == 2
    await typist.engine.close()


async def test_a_model_that_hangs_answers_unavailable_within_the_deadline() -> None:
    gate = threading.Event()
    typist = Typist(ControlledClassifier(gate=gate), EngineOptions(deadline_ms=30))
    typist.type(1)
    error = (await typist.error()).error
    assert (error.code, error.seq, error.retryable) == ("model_unavailable", 1, True)
    gate.set()
    await typist.engine.close()


async def test_a_flush_marks_the_answer_under_way_as_final(typist: Typist) -> None:
    typist.type(1)
    await typist.session.flush()
    let_go(typist)
    prediction = await typist.prediction()
    assert (prediction.seq, prediction.is_final) == (1, True)
    assert typist.sent.empty()


async def test_a_flush_after_the_answer_answers_again_without_asking_the_model(typist: Typist) -> None:
    let_go(typist)
    typist.type(1)
    first = await typist.prediction()
    await asyncio.sleep(0)
    await typist.session.flush()
    again = await typist.prediction()
    assert not first.is_final
    assert again.is_final
    assert again.probabilities == first.probabilities
    assert len(typist.classifier.batches) == 1


async def test_a_flush_with_nothing_to_answer_is_an_error(typist: Typist) -> None:
    with pytest.raises(ProtocolError) as caught:
        await typist.session.flush()
    assert caught.value.code == "bad_request"


async def test_a_flush_after_a_cancel_makes_the_text_under_way_the_final_one(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    typist.type(2)
    typist.session.cancel()
    await typist.session.flush()
    let_go(typist)
    prediction = await typist.prediction()
    assert (prediction.seq, prediction.is_final) == (1, True)


async def test_a_cancel_after_a_flush_makes_the_text_under_way_the_final_one(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    typist.type(2)
    await typist.session.flush()
    typist.session.cancel()
    let_go(typist)
    assert (await typist.prediction()).is_final
    typist.type(3)
    assert not (await typist.prediction()).is_final


async def test_a_text_that_replaces_a_flushed_one_answers_the_flush(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    typist.type(2)
    await typist.session.flush()
    typist.type(3)
    let_go(typist)
    assert [(await typist.prediction()).is_final for _ in range(2)] == [False, True]


async def test_cancel_forgets_the_text_that_waits_and_answers_the_one_under_way(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    typist.type(2)
    typist.session.cancel()
    let_go(typist)
    assert (await typist.prediction()).seq == 1
    typist.type(3)
    assert (await typist.prediction()).skipped == 1


async def test_closing_leaves_no_task_behind(typist: Typist) -> None:
    before = asyncio.all_tasks()
    session = TypingSession(typist.engine, typist.sent.put)
    session.update(TextUpdate(type="text.update", seq=1, text="left alone"))
    await typist.model_is_busy()
    await session.close()
    let_go(typist)
    await typist.engine.close()
    assert asyncio.all_tasks() == before
    assert typist.sent.empty()


async def test_closing_raises_nothing_of_a_worker_that_died(typist: Typist, caplog: pytest.LogCaptureFixture) -> None:
    async def fail(_: object) -> None:
        raise RuntimeError("sending was told to fail")

    let_go(typist)
    session = TypingSession(typist.engine, fail)
    session.update(TextUpdate(type="text.update", seq=1, text="a film"))
    assert session._worker is not None
    await asyncio.wait([session._worker])
    await session.close()
    assert "sending was told to fail" in caplog.text


async def test_who_is_cancelled_while_closing_a_session_is_cancelled(typist: Typist) -> None:
    is_sending, may_end = asyncio.Event(), asyncio.Event()

    async def send(_: object) -> None:
        is_sending.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await may_end.wait()

    let_go(typist)
    session = TypingSession(typist.engine, send)
    session.update(TextUpdate(type="text.update", seq=1, text="a film"))
    await is_sending.wait()
    closing = asyncio.create_task(session.close())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    may_end.set()
    await session.close()


async def test_a_text_passed_over_before_a_failure_is_counted_by_the_next_prediction(typist: Typist) -> None:
    typist.classifier.fail_on = "bad"
    typist.type(1)
    await typist.model_is_busy()
    typist.type(2)
    typist.type(3, "a bad one")
    let_go(typist)
    assert (await typist.prediction()).seq == 1
    assert (await typist.error()).error.seq == 3
    typist.type(4)
    assert (await typist.prediction()).skipped == 1


async def message(typist: Typist) -> ModelChanged | PredictionMessage | ExplanationMessage | ErrorMessage:
    async with asyncio.timeout(10):
        return await typist.sent.get()


async def test_an_explanation_follows_the_rating_of_its_text(typist: Typist) -> None:
    typist.type(1, "A fine film")
    typist.session.explain(1)
    let_go(typist)
    assert (await typist.prediction()).seq == 1
    explanation = await message(typist)
    assert isinstance(explanation, ExplanationMessage)
    assert (explanation.seq, explanation.method) == (1, "filler")
    assert [(span.begin, span.end, span.unit) for span in explanation.spans] == [
        (0, 11, "sentence"), (0, 1, "word"), (2, 6, "word"), (7, 11, "word"),
    ]  # fmt: skip


async def test_what_is_known_of_an_explanation_comes_first_where_that_is_asked_for(typist: Typist) -> None:
    let_go(typist)
    typist.type(1, "A fine film of ten long and quite odd words. It tells two tales twice.")
    await typist.prediction()
    typist.session.explain(1, partial=True)
    told = [await message(typist) for _ in range(3)]
    explanations = [each for each in told if isinstance(each, ExplanationMessage)]
    assert [each.partial for each in explanations] == [True, True, False]
    assert [each.all_words for each in explanations[1:]] == [False, True]
    assert {span.unit for span in explanations[0].spans} == {"sentence"}
    assert [len(each.spans) for each in explanations] == [2, 10, 17]


async def test_newer_text_drops_the_explanation_and_the_work_for_it(typist: Typist) -> None:
    let_go(typist)
    typist.type(1, "A fine film")
    await typist.prediction()
    assert typist.classifier.gate is not None
    typist.classifier.gate.clear()
    assert typist.classifier.asked.acquire(timeout=0)
    typist.session.explain(1)
    typist.session.explain(1)
    await typist.model_is_busy()
    typist.type(2)
    typist.session.explain(1)
    let_go(typist)
    assert (await typist.prediction()).seq == 2
    assert typist.classifier.batches == [["A fine film"], ["A fine film"], ["text 2"]]


async def test_an_explanation_is_new_work_once(typist: Typist) -> None:
    typist.type(1)
    assert [typist.session.is_new_to_explain(seq) for seq in (0, 1, 2)] == [False, True, False]
    typist.session.explain(1)
    assert not typist.session.is_new_to_explain(1)
    let_go(typist)
    await typist.prediction()
    assert not typist.session.is_new_to_explain(1)
    assert isinstance(await message(typist), ExplanationMessage)
    assert typist.session.is_new_to_explain(1)


async def test_what_was_never_rated_cannot_be_explained(typist: Typist) -> None:
    typist.classifier.fail_on = "bad"
    let_go(typist)
    for seq in (0, 1):
        with pytest.raises(ProtocolError) as caught:
            typist.session.explain(seq)
        assert (caught.value.code, caught.value.seq) == ("bad_request", seq)
    typist.type(1, "a bad one")
    await typist.error()
    with pytest.raises(ProtocolError):
        typist.session.explain(1)


async def test_a_model_that_fails_on_a_part_is_told_with_the_seq(typist: Typist) -> None:
    let_go(typist)
    typist.type(1, "A fine film")
    await typist.prediction()
    typist.classifier.fail_on = "fine"
    typist.session.explain(1)
    error = (await typist.error()).error
    assert (error.code, error.seq) == ("internal", 1)


async def test_an_explanation_is_given_up_after_a_time(typist: Typist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "background_deadline_s", 0.05)
    let_go(typist)
    typist.type(1, "A fine film")
    await typist.prediction()
    assert typist.classifier.gate is not None
    typist.classifier.gate.clear()
    typist.session.explain(1)
    error = (await typist.error()).error
    assert (error.code, error.seq, error.retryable) == ("model_unavailable", 1, True)


async def test_an_interval_holds_back_all_but_the_newest_and_a_flush_ends_it(typist: Typist) -> None:
    let_go(typist)
    typist.session.choose(SessionOptions(min_interval_ms=60_000))
    typist.session.choose(SessionOptions())
    typist.type(1)
    await typist.prediction()
    for seq in (2, 3):
        typist.type(seq)
        await asyncio.sleep(0)
    assert typist.sent.empty()
    await typist.session.flush()
    last = await typist.prediction()
    assert (last.seq, last.skipped, last.is_final) == (3, 1, True)
    assert typist.classifier.batches == [["text 1"], ["text 3"]]


async def test_a_shorter_interval_holds_for_the_text_that_waits(typist: Typist) -> None:
    let_go(typist)
    typist.session.choose(SessionOptions(min_interval_ms=60_000))
    typist.type(1)
    await typist.prediction()
    typist.type(2)
    await asyncio.sleep(0)
    typist.session.choose(SessionOptions(min_interval_ms=1))
    assert (await typist.prediction()).seq == 2


async def test_finishing_answers_what_waits_or_says_that_it_could_not(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    typist.type(2)
    await typist.session.finish(within_s=0)
    error = (await typist.error()).error
    assert (error.code, error.seq) == ("model_unavailable", 2)


async def test_a_text_that_comes_when_the_last_is_just_answered_is_rated_before_the_end(typist: Typist) -> None:
    typist.type(1)
    await typist.model_is_busy()
    assert typist.session._worker is not None
    typist.session._worker.add_done_callback(lambda _: typist.type(2))
    finishing = asyncio.create_task(typist.session.finish(within_s=10))
    await asyncio.sleep(0)
    let_go(typist)
    await finishing
    assert [(await typist.prediction()).seq for _ in range(2)] == [1, 2]

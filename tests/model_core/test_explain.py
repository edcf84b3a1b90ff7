"""Explanations of a model that counts words, so that the weight of each word is known."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from model_core.cache import Caches
from model_core.classifier import Prediction
from model_core.engine import Engine
from model_core.errors import EngineError
from model_core.explain import MAX_PASSES, Explanation, explain
from model_core.labels import NUM_LABELS
from tests.classifiers import ControlledClassifier

STEP = 0.01


class Counting(ControlledClassifier):
    """Each "good" moves a hundredth of the probability from 4 stars to 10, each "bad" one from 4 stars to 1."""

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        super().classify(texts, caches)
        return [self._rate(text) for text in texts]

    def _rate(self, text: str) -> Prediction:
        probabilities = [0.0] * NUM_LABELS
        probabilities[-1], probabilities[0] = STEP * text.count("good"), STEP * text.count("bad")
        probabilities[3] = 1 - probabilities[-1] - probabilities[0]
        return Prediction(tuple(probabilities), len(text.split()), truncated=False)


async def explanation_of(text: str) -> tuple[Explanation, Counting]:
    classifier = Counting()
    engine = Engine(classifier)
    explanation = await explain(engine, text)
    await engine.close()
    return explanation, classifier


async def test_each_word_and_each_sentence_weighs_what_the_stars_lose_without_it() -> None:
    text = "👨‍👩‍👧 A good, good cafe\u0301. It is bad!"
    explanation, _ = await explanation_of(text)
    found: dict[str, Any] = {
        text[part.begin : part.end]: (part.unit, part.weight) for part in explanation.contributions
    }
    assert found["👨‍👩‍👧 A good, good cafe\u0301."] == ("sentence", pytest.approx(12 * STEP))
    assert found["It is bad!"] == ("sentence", pytest.approx(-3 * STEP))
    assert found["good"] == ("word", pytest.approx(6 * STEP))
    assert found["bad"] == ("word", pytest.approx(-3 * STEP))
    assert found["👨‍👩‍👧"] == found["cafe\u0301"] == ("word", pytest.approx(0))
    assert explanation.expected_stars == pytest.approx(4 + 9 * STEP)


async def test_contributions_come_in_the_order_of_the_text_each_sentence_before_its_words() -> None:
    explanation, _ = await explanation_of("Good one. Bad two.")
    assert [(part.begin, part.unit) for part in explanation.contributions] == [
        (0, "sentence"), (0, "word"), (5, "word"), (10, "sentence"), (10, "word"), (14, "word"),
    ]  # fmt: skip


async def test_a_text_with_nothing_in_it_has_no_contributions() -> None:
    for text in ("", " \n", "..."):
        explanation, _ = await explanation_of(text)
        assert explanation.contributions == ()


@pytest.mark.parametrize(
    "text",
    ["This film is good. " * 200, "so very good and " * 500, "Dull film.\n" * 1_900, "x" * 20_000],
    ids=["sentences", "no full stop", "lines", "one word"],
)
async def test_long_texts_take_a_bounded_number_of_passes(text: str) -> None:
    explanation, classifier = await explanation_of(text)
    assert 2 <= sum(map(len, classifier.batches)) <= MAX_PASSES
    assert len(explanation.contributions) < MAX_PASSES


async def test_the_words_of_the_weightiest_sentence_are_told_apart_first() -> None:
    plain = "We saw it on a day in May with all of the others of us. "
    text = plain * 20 + "Really good good good. " + plain
    explanation, _ = await explanation_of(text)
    words = [text[part.begin : part.end] for part in explanation.contributions if part.unit == "word"]
    assert words.count("good") == 3


async def test_one_text_is_rated_at_a_time_from_the_last_gap_to_the_first() -> None:
    _, classifier = await explanation_of("one two three")
    assert classifier.batches == [["one two three"], [""], ["one two "], ["one  three"], [" two three"]]


async def test_a_model_that_fails_makes_the_explanation_fail() -> None:
    engine = Engine(ControlledClassifier(fail_on="two three"))
    with pytest.raises(EngineError):
        await explain(engine, "one two three")
    await engine.close()


async def test_an_explanation_that_is_given_up_frees_its_place() -> None:
    classifier = ControlledClassifier(gate=(gate := threading.Event()))
    engine = Engine(classifier)
    task = asyncio.create_task(explain(engine, "one two three"))
    assert await asyncio.to_thread(classifier.asked.acquire, timeout=10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await engine.classify("next")
    assert classifier.batches == [["one two three"], ["next"]]
    await engine.close()

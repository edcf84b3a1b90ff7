"""Explanations of a model that counts words, so that the weight of each word is known."""

import asyncio
import dataclasses
import re
import threading
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_core.cache import Caches
from model_core.classifier import Input, Prediction, Variants
from model_core.engine import Engine
from model_core.errors import EngineError, ModelUnavailable
from model_core.explain import FIRST_WORDS, MAX_PHRASES, Explanation, explain, floor_of
from model_core.fake import FAKE_INFO, FakeClassifier
from model_core.labels import NUM_LABELS
from model_core.text import clean
from model_core.tokenizer import LocatedTokens
from tests.classifiers import ControlledClassifier

STEP = 0.05
"""Probability that one good word moves from 4 stars to 10, which is 0.3 stars, and a bad one from 4 stars to 1."""
GOOD, BAD = 6 * STEP, -3 * STEP
_TOKEN = re.compile(r"\w+|[^\w\s]+")


class Counting(ControlledClassifier):
    """Reads words and punctuation as tokens, in blocks of 4. Each "good" raises the stars, each "bad" lowers them.

    ``effects`` are those of other words, as multiples of "good". A text never gains more than ``most`` of them.
    """

    def __init__(
        self,
        effects: Mapping[str, float] | None = None,
        most: float = 1 / STEP,
        block: int | None = 4,
        gate: threading.Event | None = None,
    ) -> None:
        super().__init__(gate=gate)
        self._effects = {"good": 1.0, "bad": -1.0, **(effects or {})}
        self._most = most
        self._block = block
        self.vocabulary: dict[str, int] = {}

    @property
    def fillers(self) -> tuple[int, int]:
        return self._id(","), self._id("the")

    def locate(self, text: str) -> LocatedTokens:
        cleaned = clean(text)
        tokens = list(_TOKEN.finditer(cleaned.text))[: FAKE_INFO.max_tokens]
        return LocatedTokens(
            tuple(self._id(token[0]) for token in tokens),
            tuple(cleaned.span_as_sent(*token.span()) for token in tokens),
            self._block,
        )

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        known = super().classify(texts, caches)
        if any(isinstance(text, Variants) for text in texts):
            return known
        return [self._rate(self.words_of(text)) for text in texts]

    def words_of(self, text: Input) -> list[str]:
        assert not isinstance(text, Variants)
        if isinstance(text, str):
            return _TOKEN.findall(text)[: FAKE_INFO.max_tokens]
        words = {number: word for word, number in self.vocabulary.items()}
        return [words[number] for number in text]

    def _id(self, word: str) -> int:
        return self.vocabulary.setdefault(word, len(self.vocabulary))

    def _rate(self, words: Sequence[str]) -> Prediction:
        effects = [self._effects.get(word, 0.0) for word in words]
        probabilities = [0.0] * NUM_LABELS
        probabilities[-1] = STEP * min(self._most, sum(max(0.0, effect) for effect in effects))
        probabilities[0] = STEP * sum(max(0.0, -effect) for effect in effects)
        probabilities[3] = 1 - probabilities[-1] - probabilities[0]
        return Prediction(tuple(probabilities), len(words), truncated=False)


async def explanation_of(text: str, classifier: FakeClassifier | None = None) -> Explanation:
    engine = Engine(classifier or Counting())
    explanation = await explain(engine, text)
    await engine.close()
    return explanation


def weights_of(text: str, explanation: Explanation, unit: str = "word") -> dict[str, float]:
    return {text[part.begin : part.end]: part.weight for part in explanation.contributions if part.unit == unit}


def drawn_of(text: str, explanation: Explanation) -> list[str]:
    words = [part for part in explanation.contributions if part.unit == "word" and part.stands_out]
    return [text[part.begin : part.end] for part in words]


async def test_each_word_and_each_sentence_weighs_what_it_adds_in_stars() -> None:
    text = "👨‍👩‍👧 A good cafe\u0301, really. It is bad!"
    explanation = await explanation_of(text)
    sentences = weights_of(text, explanation, "sentence")
    assert sentences == {
        "👨‍👩‍👧 A good cafe\u0301, really.": pytest.approx(GOOD),
        "It is bad!": pytest.approx(BAD),
    }
    words = weights_of(text, explanation)
    assert words["good"] == pytest.approx(GOOD)
    assert words["bad"] == pytest.approx(BAD)
    assert [words[word] for word in ("👨‍👩‍👧", "A", "cafe\u0301", "really", "It", "is")] == pytest.approx([0] * 6)
    assert drawn_of(text, explanation) == ["good", "bad"]
    assert explanation.value == pytest.approx(4 + GOOD + BAD)
    assert explanation.all_words


async def test_function_words_are_not_weighed_whatever_they_move() -> None:
    text = "Dull, but it's a good film"
    classifier = Counting({"but": 3.0, "it": 3.0, "good": 2.0})
    explanation = await explanation_of(text, classifier)
    assert weights_of(text, explanation)["but"] == 0
    assert drawn_of(text, explanation) == ["good"]
    assert explanation.all_words
    classifier.info = dataclasses.replace(FAKE_INFO, language="de")
    assert drawn_of(text, await explanation_of(text, classifier)) == ["but", "it's", "good"]


async def test_a_negation_that_stands_out_is_weighed_with_the_word_that_it_turns() -> None:
    class Negating(Counting):
        """ "not" lowers the stars, and no "good" after it raises them."""

        def _rate(self, words: Sequence[str]) -> Prediction:
            return super()._rate(words[: words.index("not") + 1] if "not" in words else words)

    text = "A film that is not a very good one"
    explanation = await explanation_of(text, Negating({"not": -4.0}))
    assert weights_of(text, explanation, "phrase") == {"not a very good": pytest.approx(4 * BAD)}
    assert weights_of(text, explanation).keys() == {"A", "film", "that", "is", "one"}


async def test_a_negation_with_nothing_after_it_stays_a_word() -> None:
    text = "We saw it, but she could not. It is good"
    explanation = await explanation_of(text, Counting({"not": -4.0, "good": 2.0}))
    assert drawn_of(text, explanation) == ["not", "good"]
    assert weights_of(text, explanation, "phrase") == {}


async def test_a_weak_word_next_to_a_strong_one_does_not_stand_out() -> None:
    text = "A splendid film of some interest"
    explanation = await explanation_of(text, Counting({"splendid": 5.0, "interest": 0.5}))
    assert weights_of(text, explanation)["interest"] == pytest.approx(0.5 * GOOD)
    assert drawn_of(text, explanation) == ["splendid"]


async def test_a_filler_that_says_something_itself_is_not_taken_for_what_the_others_add() -> None:
    # Every word seems to lower the stars, since a comma in its place raises them.
    text = "A film of that sort is good"
    explanation = await explanation_of(text, Counting({",": 1.0}))
    assert weights_of(text, explanation)["film"] == 0
    assert drawn_of(text, explanation) == []


async def test_where_no_single_word_is_missed_each_is_weighed_by_what_it_says_alone() -> None:
    text = "A splendid and superb film"
    explanation = await explanation_of(text, Counting({"splendid": 5.0, "superb": 5.0}, most=5.0))
    assert drawn_of(text, explanation) == ["splendid", "superb"]
    assert weights_of(text, explanation)["superb"] == pytest.approx(5 * GOOD / 3)


async def test_a_word_that_is_a_filler_itself_is_replaced_by_the_other() -> None:
    text = "good the good"
    classifier = Counting({"the": 2.0})
    classifier.info = dataclasses.replace(FAKE_INFO, language="de")
    explanation = await explanation_of(text, classifier)
    assert weights_of(text, explanation)["the"] == pytest.approx(2 * GOOD)


async def test_only_words_are_replaced_and_every_token_keeps_its_place_or_a_word_is_alone_between_filler() -> None:
    text = "So good; (a film)!"
    classifier = Counting()
    await explanation_of(text, classifier)
    whole, *variants = [" ".join(classifier.words_of(text)) for batch in classifier.batches for text in batch]
    assert whole == "So good ; ( a film )!"
    assert set(variants) == {
        ", , ; ( , , )!", "So , ; ( a film )!", "So the ; ( a film )!", "So good ; ( a , )!",
        ", , , good , , ,", "the the the good the the the", ", , , film , , ,", ", , , , , , ,",
        "the the the the the the the",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", " \n", "...", "— ?!"])
async def test_a_text_without_words_has_no_contributions(text: str) -> None:
    explanation = await explanation_of(text)
    assert explanation.contributions == ()
    assert explanation.all_words


async def test_one_word_is_a_sentence_too() -> None:
    explanation = await explanation_of("good")
    assert [part.unit for part in explanation.contributions] == ["sentence", "word"]
    assert [part.weight for part in explanation.contributions] == pytest.approx([GOOD, GOOD])


async def test_contributions_come_in_the_order_of_the_text_each_sentence_before_its_words() -> None:
    explanation = await explanation_of("Good day. Bad two.")
    assert [(part.begin, part.unit) for part in explanation.contributions] == [
        (0, "sentence"), (0, "word"), (5, "word"), (10, "sentence"), (10, "word"), (14, "word"),
    ]  # fmt: skip


async def test_places_are_those_of_the_text_as_sent() -> None:
    text = "Well.<br /><br />A good 👍 film"
    assert weights_of(text, await explanation_of(text))["good"] == pytest.approx(GOOD)


async def test_a_word_of_many_tokens_is_replaced_as_a_whole() -> None:
    class Spelling(Counting):
        """Reads letters. Only the whole of "wonderful" says something."""

        def locate(self, text: str) -> LocatedTokens:
            places = [(at, at + 1) for at, letter in enumerate(text) if letter != " "]
            return LocatedTokens(tuple(ord(text[at]) for at, _ in places), tuple(places), 4)

        @property
        def fillers(self) -> tuple[int, int]:
            return ord(","), ord("-")

        def words_of(self, text: Input) -> list[str]:
            assert not isinstance(text, Variants)
            spelled = text.replace(" ", "") if isinstance(text, str) else "".join(map(chr, text))
            return ["good"] * spelled.count("wonderful")

    text = "A wonderful film"
    explanation = await explanation_of(text, Spelling())
    assert weights_of(text, explanation) == {
        "A": pytest.approx(0), "wonderful": pytest.approx(GOOD), "film": pytest.approx(0),
    }  # fmt: skip


class OneToken(Counting):
    """Reads a text as one token, as WordPiece does of a script that it does not know."""

    def locate(self, text: str) -> LocatedTokens:
        return LocatedTokens((self._id(text),), ((0, len(text)),), 4)

    def words_of(self, text: Input) -> list[str]:
        return [text] if isinstance(text, str) else super().words_of(text)


async def test_words_that_are_one_token_to_the_model_are_weighed_together() -> None:
    text = "ดี" * 10_000
    classifier = OneToken({text: 1.0})
    explanation = await explanation_of(text, classifier)
    assert weights_of(text, explanation, "phrase") == {text: pytest.approx(GOOD)}
    assert sum(map(len, classifier.batches)) < 10


async def test_a_word_that_fills_the_model_has_no_room_for_filler() -> None:
    text = "_".join(["good"] * FAKE_INFO.max_tokens)

    class Parts(Counting):
        def locate(self, text: str) -> LocatedTokens:
            ends = range(4, len(text) + 1, 5)
            return LocatedTokens((self._id("good"),) * len(ends), tuple((end - 4, end) for end in ends), 4)

    classifier = Parts()
    explanation = await explanation_of(text, classifier)
    assert list(weights_of(text, explanation)) == [text]
    rated = [ids for batch in classifier.batches for ids in batch if isinstance(ids, tuple)]
    assert max(map(len, rated)) == FAKE_INFO.max_tokens


async def test_of_a_long_text_the_words_that_say_most_alone_are_weighed_and_it_says_so() -> None:
    plain = "We saw it on a day in May with all of the others. "
    text = plain * 10 + "A good and bad film. " + plain * 20
    explanation = await explanation_of(text)
    assert not explanation.all_words
    assert drawn_of(text, explanation) == ["good", "bad"]
    assert FIRST_WORDS < len([part for part in explanation.contributions if part.unit == "word"]) < 60


async def test_a_word_of_a_long_text_is_missed_soon_after_its_place_and_what_follows_is_not_read() -> None:
    classifier = Counting(most=2)
    explanation = await explanation_of("A good film. " + "We saw it in May. " * 30 + "good good good good", classifier)
    first = next(part for part in explanation.contributions if part.unit == "word" and part.begin == 2)
    assert first.weight == pytest.approx(GOOD)
    _whole, *variants = [classifier.words_of(text) for batch in classifier.batches for text in batch]
    without = [words for words in variants if words[:3] == ["A", ",", "film"]]
    assert {len(words) for words in without} == {68}


async def test_what_the_model_does_not_read_adds_nothing() -> None:
    text = "It is long. " * 200 + "A good end."
    explanation = await explanation_of(text)
    read = len("It is long. " * 128)
    assert all(part.begin < read for part in explanation.contributions)
    assert not explanation.all_words


async def test_a_model_that_reads_all_tokens_at_once_weighs_phrases_of_long_texts() -> None:
    text = "We saw it on a day in May. " * 20 + "A good film."
    classifier = Counting(block=None)
    explanation = await explanation_of(text, classifier)
    phrases = weights_of(text, explanation, "phrase")
    assert len(phrases) <= MAX_PHRASES
    assert max(phrases, key=phrases.__getitem__).find("good") >= 0
    assert sum(map(len, classifier.batches)) < 200


async def test_sentences_are_told_first_then_the_words_that_say_most_alone() -> None:
    told: list[Explanation] = []

    async def tell(explanation: Explanation) -> None:
        told.append(explanation)

    text = "We saw it on a hot day in March with all of the old gang in Rome. A good film."
    engine = Engine(Counting())
    whole = await explain(engine, text, progress=tell)
    await engine.close()
    sentences, first_words = told
    assert {part.unit for part in sentences.contributions} == {"sentence"}
    assert drawn_of(text, first_words) == ["good"]
    assert len(first_words.contributions) == 2 + FIRST_WORDS
    assert [told.all_words for told in (sentences, first_words, whole)] == [False, False, True]


async def test_another_value_than_the_stars_can_be_explained() -> None:
    text = "A good film"
    engine = Engine(Counting())
    explanation = await explain(engine, text, value=lambda prediction: prediction.probabilities[-1])
    await engine.close()
    assert weights_of(text, explanation)["good"] == pytest.approx(STEP)


async def test_a_model_that_fails_makes_the_explanation_fail() -> None:
    engine = Engine(ControlledClassifier(fail_on="two three"))
    with pytest.raises(EngineError):
        await explain(engine, "one two three")
    await engine.close()


async def test_a_model_that_is_replaced_meanwhile_ends_the_explanation() -> None:
    classifier, other = Counting(), Counting()
    other.info = dataclasses.replace(FAKE_INFO, version="1")
    engine = Engine(classifier)

    async def replace(_: Explanation) -> None:
        other.vocabulary = classifier.vocabulary
        await engine.replace(other)

    with pytest.raises(ModelUnavailable):
        await explain(engine, "A good film", progress=replace)
    await engine.close()


async def test_a_model_that_is_replaced_while_the_text_is_located_ends_the_explanation() -> None:
    class Slow(Counting):
        def locate(self, text: str) -> LocatedTokens:
            locating.release()
            assert located.wait(10)
            return super().locate(text)

    locating, located = threading.Semaphore(0), threading.Event()
    classifier, other = Slow(), Counting()
    other.info = dataclasses.replace(FAKE_INFO, version="1")
    engine = Engine(classifier)
    task = asyncio.create_task(explain(engine, "A good film"))
    assert await asyncio.to_thread(locating.acquire, timeout=10)
    await engine.replace(other)
    located.set()
    with pytest.raises(ModelUnavailable):
        await task
    await engine.close()


async def test_an_explanation_that_is_given_up_frees_its_place() -> None:
    classifier = Counting(gate=(gate := threading.Event()))
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


async def test_variants_that_wait_for_the_model_are_given_up_as_well() -> None:
    classifier = Counting()
    engine = Engine(classifier)
    gate = threading.Event()

    async def hold(_: Explanation) -> None:
        classifier.gate = gate

    task = asyncio.create_task(explain(engine, "one two three four five six", progress=hold))
    asked = 0
    while classifier.gate is None or asked < len(classifier.batches):
        assert await asyncio.to_thread(classifier.asked.acquire, timeout=10)
        asked += 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    gate.set()
    await engine.classify("next")
    assert engine.waiting == 0
    assert classifier.batches[-1] == ["next"]
    await engine.close()


@given(st.lists(st.floats(-9, 9), max_size=40))
def test_the_floor_lets_the_strongest_words_stand_out_unless_all_is_noise(weights: list[float]) -> None:
    floor = floor_of(weights)
    strongest = max(map(abs, weights), default=0.0)
    assert floor >= 0.1
    assert strongest < 0.3 or strongest >= floor

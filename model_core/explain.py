"""Explains a prediction: what each word and sentence adds to it.

What is explained is the expected value, such as stars, or the probability of the most probable label where labels have
no values.

A word says nothing if filler takes the place of its tokens (``model_core.filler``). Its weight is estimated from two
ratings, of what it adds to all other words and of what it adds to none: the two ends of the order in which words could
come, over which a Shapley value is the mean (Lundberg & Lee 2017). Leaving words out of the text (Li, Monroe & Jurafsky
2016) would move all later tokens, which this model's rating shows more than the meaning of most words. ``python -m
training.faithfulness`` compares both.
"""

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from model_core.cache import EncoderCache
from model_core.checkpoint import ENGLISH
from model_core.classifier import Input, ModelInfo, Prediction, ServedClassifier
from model_core.engine import Engine
from model_core.errors import ModelUnavailable
from model_core.filler import Filler, Part, parts_of, words_of
from model_core.tasks import in_thread
from model_core.ticket import Asker
from model_core.tokenization.function_words import is_function_word, is_negation
from model_core.tokenization.segmentation import Unit, join, sentences, words
from model_core.tokenizer import LocatedTokens

METHOD: Final = "filler"
ExplainedIn = Literal["stars", "values", "probability"]
"""What weights are counted in."""
WITHIN_S: Final = 30.0
"""Seconds. Background work has no limit of its own."""
MAX_SENTENCES: Final = 24
MAX_PHRASES: Final = 32
"""Words of a model that cannot read a text block by block are joined into at most this many phrases."""
FIRST_WORDS: Final = 8
"""Words, the likeliest to be strongest, that are weighed before the others."""

ALL_LEFT_OUT: Final = 40
"""In texts of up to this many words, each is left out of the others."""
_SOME_LEFT_OUT: Final = ((250, 3, 24), (4096, 2, 16))
"""Longer texts: up to this many words, the words of the last blocks, and the strongest alone: how many of each."""

_LEAST: Final = 0.10
"""Stars. int8 noise is about 0.06. Other values and probabilities have the same share of their range."""
_LEAST_OF_MEDIAN: Final = 3.0
_MOST_OF_MEDIAN: Final = 0.30
"""Stars that are always enough, also where most words say something."""
_RANGE: Final = 9.0
"""From the fewest stars to the most."""
_LEAST_OF_STRONGEST: Final = 0.25
_NEAR: Final = 0.7
"""Words from this share of the floor on are asked with the second filler."""

_NEGATED: Final = 4
"""Words after a negation, the first of which that is no function word is joined with it."""

_AT_ONCE: Final = 8
"""Variants of a text that wait for the model: enough for a batch."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the characters ``begin`` to ``end`` (exclusive) add to the explained value."""

    begin: int
    end: int
    weight: float
    unit: Unit
    stands_out: bool
    """Whether the weight is more than noise, and not much less than others of the text."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Contributions in the order of the text, each sentence before its words."""

    value: float
    """The explained value of the whole text."""
    contributions: tuple[Contribution, ...]
    """Parts that the model does not read, or that were not weighed, are missing."""
    all_words: bool
    """Whether every word that the model reads was weighed, not only the strongest."""
    model: ModelInfo
    """The model of which this is."""
    unread: tuple[tuple[int, int], ...] = ()
    """Begin and end (exclusive) of the characters of a long text that the model does not read, in order."""
    label: str | None = None
    """Name of the label whose probability is explained; None if the expected value is."""
    counted_in: ExplainedIn = "stars"


Progress = Callable[[Explanation], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Aim:
    """What is explained."""

    value: Callable[[Prediction], float]
    span: float = _RANGE
    """From the least value to the greatest: the distance that floors are relative to."""
    label: str | None = None
    counted_in: ExplainedIn = "stars"


def _expected_stars(prediction: Prediction) -> float:
    return prediction.expected_stars


def aim_of(prediction: Prediction) -> Aim:
    """Return what is explained of a text with this prediction."""
    labels = prediction.labels
    if labels.is_film:
        return Aim(_expected_stars)
    if labels.values is not None:
        return Aim(lambda one: one.expected_value, labels.values[-1] - labels.values[0], counted_in="values")
    most = labels.most_probable(prediction.probabilities)
    return Aim(lambda one: one.probabilities[most], 1.0, labels.names[most], "probability")


async def explain(
    engine: Engine,
    text: str,
    asker: Asker | None = None,
    progress: Progress | None = None,
    value: Callable[[Prediction], float] | None = None,
    within_s: float | None = None,
) -> Explanation:
    """Explain one text as background work, one text at a time.

    ``progress`` is called with what is known so far: the sentences, then also the words that say most alone. ``value``
    is explained, in stars, in place of what ``aim_of`` says. Raises EngineError, Overloaded if many explanations of
    the asker's group wait, or ModelUnavailable after ``within_s`` seconds (by default ``WITHIN_S``) or if the model is
    replaced meanwhile.
    """
    asker = asker or Asker()
    try:
        async with asyncio.timeout(WITHIN_S if within_s is None else within_s), engine.jobs.turn(asker.group):
            classifier = engine.classifier
            # Many long texts at once would take half a second of the event loop. The turn lasts as long as the thread:
            # it cannot be cancelled, and there must not be one more for each explanation that is.
            read = await in_thread(_read, classifier, text)
            return await _Explaining(_Variants(engine, asker, value), classifier, text, read).run(progress)
    except TimeoutError as error:
        raise ModelUnavailable("the explanation took too long") from error


@dataclass(frozen=True, slots=True)
class _Read:
    """What the model reads of a text. All parts are without punctuation."""

    located: LocatedTokens
    sentences: Sequence[Part]
    words: Sequence[Part]


def _read(classifier: ServedClassifier, text: str) -> _Read:
    located = classifier.locate(text)
    text_words = parts_of(words(text), located)
    parts = words_of(parts_of(join(sentences(text), MAX_SENTENCES, "sentence"), located), text_words)
    if located.block is None:
        spans = join([word.span for word in text_words], MAX_PHRASES, "phrase")
        return _Read(located, parts, words_of(parts_of(spans, located), text_words))
    return _Read(located, parts, text_words)


@dataclass(frozen=True, slots=True)
class _Weight:
    """What a word adds to all others, and what it adds to none."""

    left_out: float
    alone: float

    @property
    def mean(self) -> float:
        # A word counts most in its own text.
        return (2 * self.left_out + self.alone) / 3

    def weaker(self, other: "_Weight") -> "_Weight":
        """Return what both agree on: two fillers have nothing in common but that they say nothing."""
        return _Weight(_weaker(self.left_out, other.left_out), _weaker(self.alone, other.alone))


def _weaker(one: float, other: float) -> float:
    return 0.0 if one * other <= 0 else min(one, other, key=abs)


def floor_of(weights: Iterable[float], span: float = _RANGE) -> float:
    """Return the least absolute weight that stands out from the other weights of its text. ``span``: see ``Aim``."""
    star = span / _RANGE
    sizes = [abs(weight) for weight in weights]
    if not sizes:
        return _LEAST * star
    usual = min(_MOST_OF_MEDIAN * star, _LEAST_OF_MEDIAN * statistics.median(sizes))
    return max(_LEAST * star, usual, _LEAST_OF_STRONGEST * max(sizes))


class _Variants:
    """Rates variants of one text by one model, a few at a time."""

    def __init__(self, engine: Engine, asker: Asker, value: Callable[[Prediction], float] | None) -> None:
        self._engine = engine
        self._asker = asker
        self._wanted = value
        self.aim = Aim(value or _expected_stars)
        """Settled by ``begin``."""
        self.model = engine.info
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def begin(self, text: str, cache: EncoderCache) -> float:
        """Rate the whole text, by which it is known what is explained."""
        prediction = await self._predict(text, cache)
        if self._wanted is None:
            self.aim = aim_of(prediction)
        return self.aim.value(prediction)

    async def rate(self, text: Input, cache: EncoderCache) -> float:
        return self.aim.value(await self._predict(text, cache))

    async def _predict(self, text: Input, cache: EncoderCache) -> Prediction:
        async with self._room:
            answer = await self._engine.classify(text, cache, self._asker, background=True)
        if answer.model != self.model:
            raise ModelUnavailable("the model was replaced during the explanation; ask again")
        return answer.prediction

    async def rate_each(self, texts: Iterable[Input], begun: EncoderCache) -> list[float]:
        """Rate texts whose begin may be in the cache ``begun``, which no text under way may use."""
        try:
            async with asyncio.TaskGroup() as group:
                ratings = [group.create_task(self.rate(text, begun.fork())) for text in texts]
        except BaseExceptionGroup as failed:
            # The others were cancelled, so there is one.
            raise failed.exceptions[0] from None
        return [rating.result() for rating in ratings]


class _Explaining:
    """The explanation of one text."""

    def __init__(self, variants: _Variants, classifier: ServedClassifier, text: str, read: _Read) -> None:
        self._variants = variants
        self._text = text
        self._read = read
        self._ids = read.located.input_ids
        self._whole = EncoderCache()
        self._value = 0.0
        comma, the = classifier.fillers
        self._filler, self._other = (_Bare(variants, read, Filler(*pair)) for pair in ((comma, the), (the, comma)))
        self._sentences: dict[Part, float] = {}
        self._words: dict[Part, _Weight] = {}
        self._asked_twice: set[Part] = set()
        self._phrases: dict[Part, _Weight] = {}
        """Negations with what they turn, which take the place of their words."""

    async def run(self, progress: Progress | None) -> Explanation:
        self._value = await self._variants.begin(self._text, self._whole)
        words = self._read.words
        if not words:
            return self._so_far()
        left_out = await self._left_out(self._read.sentences, self._filler)
        self._sentences = dict(zip(self._read.sentences, left_out, strict=True))
        if progress is not None:
            await progress(self._so_far())
        alone = dict(zip(words, await self._filler.alone(words), strict=True))
        chosen = self._choose(alone)
        for chunk in (chosen[:FIRST_WORDS], chosen[FIRST_WORDS:]):
            left_out = await self._left_out(chunk, self._filler)
            self._words |= {word: _Weight(left, alone[word]) for word, left in zip(chunk, left_out, strict=True)}
            await self._ask_twice()
            if progress is not None and len(self._words) < len(chosen):
                await progress(self._so_far())
        await self._join()
        return self._so_far()

    def _choose(self, alone: Mapping[Part, float]) -> list[Part]:
        """Return the words to leave out of the others, those that say most alone first."""
        strongest = sorted(alone, key=lambda word: -abs(alone[word]))
        block = self._read.located.block
        if len(strongest) <= ALL_LEFT_OUT or block is None:
            return strongest
        blocks, count = next((last, most) for size, last, most in _SOME_LEFT_OUT if len(strongest) <= size)
        # To leave out a late word is cheap, since the model has read all before it.
        late = ((len(self._ids) - 1) // block - blocks + 1) * block
        return [word for rank, word in enumerate(strongest) if rank < count or word.tokens[-1] >= late]

    async def _ask_twice(self) -> None:
        """Ask for the words near or above the floor with the other filler, which may lower the floor."""
        while again := self._near_floor():
            for word, weight in zip(again, await self._weigh(again, self._other), strict=True):
                self._words[word] = self._words[word].weaker(weight)
            self._asked_twice.update(again)

    async def _join(self) -> None:
        """Weigh negations that stand out with the word that they turn: "not good" says something, "not" does not."""
        if phrases := self._negated():
            by_filler = [await self._weigh(phrases, bare) for bare in (self._filler, self._other)]
            self._phrases = {part: one.weaker(other) for part, one, other in zip(phrases, *by_filler, strict=True)}

    def _negated(self) -> list[Part]:
        words, floor = self._read.words, self._floor()
        ends = [part.span.end for part in self._read.sentences]
        phrases: list[Part] = []
        for at, word in enumerate(words):
            weight = self._words.get(word)
            if weight is None or abs(weight.mean) < floor or not self._is(is_negation, word):
                continue
            end = next(end for end in ends if end >= word.span.end)
            sentence = [part for part in words[at + 1 : at + 1 + _NEGATED] if part.span.end <= end]
            size = next((rank for rank, part in enumerate(sentence, 2) if not self._is(is_function_word, part)), 0)
            if size and not (phrases and word.span.begin < phrases[-1].span.end):
                phrases.append(_phrase(words[at : at + size]))
        return phrases

    def _is(self, kind: Callable[[str], bool], part: Part) -> bool:
        span = part.span
        is_word = span.unit == "word" and self._variants.model.language == ENGLISH
        return is_word and kind(self._text[span.begin : span.end])

    def _floor(self) -> float:
        return floor_of((weight.mean for weight in self._words.values()), self._variants.aim.span)

    def _near_floor(self) -> list[Part]:
        near = _NEAR * self._floor()
        return [
            word for word, weight in self._words.items() if word not in self._asked_twice and abs(weight.mean) >= near
        ]

    async def _weigh(self, parts: Sequence[Part], bare: "_Bare") -> list[_Weight]:
        left_out = await self._left_out(parts, bare)
        return list(map(_Weight, left_out, await bare.alone(parts)))

    async def _left_out(self, parts: Sequence[Part], bare: "_Bare") -> list[float]:
        """Return what each part adds to all others."""
        filled = (bare.filler.fill(self._ids, part.tokens) for part in parts)
        return [self._value - value for value in await self._variants.rate_each(filled, self._whole)]

    def _so_far(self) -> Explanation:
        aim = self._variants.aim
        inside = {index for phrase in self._phrases for index in phrase.tokens}
        weights = {word: weight.mean for word, weight in self._words.items() if word.tokens[0] not in inside}
        weights |= {phrase: weight.mean for phrase, weight in self._phrases.items()}
        silent = {word for word in weights if self._is(is_function_word, word)}
        found = _contributions(self._sentences, aim.span) + _contributions(weights, aim.span, silent)
        found.sort(key=lambda part: (part.begin, -part.end, part.unit != "sentence"))
        all_words = len(self._words) == len(self._read.words)
        return Explanation(
            self._value,
            tuple(found),
            all_words,
            self._variants.model,
            self._read.located.unread,
            aim.label,
            aim.counted_in,
        )


class _Bare:
    """A text of which only the punctuation is left, and what single words add to it."""

    def __init__(self, variants: _Variants, read: _Read, filler: Filler) -> None:
        self.filler = filler
        self._variants = variants
        self._full = read.located.input_ids
        self._block = read.located.block or len(self._full)
        self._ids = filler.fill(self._full, {index for word in read.words for index in word.tokens})
        self._cache: EncoderCache | None = None
        self._values: dict[int, float] = {}
        """Of the first tokens of the bare text, by how many."""

    async def alone(self, parts: Sequence[Part]) -> list[float]:
        """Return what each part adds, at the end of its block, if no other word says anything."""
        if self._cache is None:
            self._cache = EncoderCache()
            await self._variants.rate(self._ids, self._cache)
        ends = [self._end(part) for part in parts]
        new = sorted(set(ends) - self._values.keys())
        values = await self._variants.rate_each(
            [*(self._ids[:end] for end in new), *map(self._only, parts)], self._cache
        )
        self._values |= zip(new, values, strict=False)
        return [rated - self._values[end] for end, rated in zip(ends, values[len(new) :], strict=True)]

    def _only(self, part: Part) -> tuple[int, ...]:
        ids = list(self._ids)
        for index in part.tokens:
            ids[index] = self._full[index]
        return tuple(ids[: self._end(part)])

    def _end(self, part: Part) -> int:
        return min(len(self._ids), (part.tokens[-1] // self._block + 1) * self._block)


def _phrase(words: Sequence[Part]) -> Part:
    [span] = join([word.span for word in words], 1, "phrase")
    return Part(span, tuple(index for word in words for index in word.tokens))


def _contributions(weights: Mapping[Part, float], span: float, silent: Collection[Part] = ()) -> list[Contribution]:
    """Return each part with its weight. Those in ``silent`` do not stand out."""
    floor = floor_of(weights.values(), span)
    return [
        Contribution(
            part.span.begin,
            part.span.end,
            weight,
            part.span.unit,
            stands_out=abs(weight) >= floor and part not in silent,
        )
        for part, weight in weights.items()
    ]

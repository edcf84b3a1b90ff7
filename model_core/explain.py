"""Explains a prediction: what each word and sentence adds to it.

What is explained is the expected value, such as stars, or the probability of the most probable label where labels have
no values.

A word says nothing if filler takes the place of its tokens (``model_core.filler``). Its weight is estimated from two
ratings, of what it adds to all other words and of what it adds to none: the two ends of the order in which words could
come, over which a Shapley value is the mean (Lundberg & Lee 2017). Leaving words out of the text (Li, Monroe & Jurafsky
2016) would move all later tokens, which this model's rating shows more than the meaning of most words. ``python -m
training.faithfulness`` compares both.

In a long text, the ratings with and without a part are compared some tokens after it, not at the end of the text, where
they differ by little but rounding.
"""

import asyncio
import itertools
import statistics
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from model_core.cache import EncoderCache
from model_core.checkpoint import ENGLISH
from model_core.classifier import Input, ModelInfo, Prediction, ServedClassifier, Variant, Variants
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
MAX_SENTENCES: Final = 12
MAX_PHRASES: Final = 32
"""Words of a model that cannot read a text block by block are joined into at most this many phrases."""
FIRST_WORDS: Final = 8
"""Words, the likeliest to be strongest, that are weighed before the others."""

ALL_LEFT_OUT: Final = 40
"""In texts of up to this many words that are weighed, each is left out of the others."""
_SOME_LEFT_OUT: Final = ((120, 3, 20), (4096, 2, 12))
"""Up to this many words: those of the last blocks, and the strongest alone: how many of each."""

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

_AFTER: Final = 64
"""Tokens after a part, at which a long text is rated with and without it. More take longer and tell no more."""
_LEAST_LEFT: Final = 32
"""If fewer tokens follow, the text is read to its end: to rate it at one more place would cost as much."""
_AROUND: Final = 3
"""Filler on both sides of a word alone."""
_NEGATED: Final = 4
"""Words after a negation, the first of which that is no function word is joined with it."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What the characters ``begin`` to ``end`` (exclusive) add to the explained value; 0 for function words."""

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
) -> Explanation:
    """Explain one text as background work, one text at a time.

    ``progress`` is called with what is known so far: the sentences, then also the words that say most alone. ``value``
    is explained, in stars, in place of what ``aim_of`` says. Raises EngineError, Overloaded if many explanations of
    the asker's group wait, or ModelUnavailable if it takes longer than background work may or if the model is replaced
    meanwhile.
    """
    asker = asker or Asker()
    try:
        async with asyncio.timeout(engine.background_deadline_s), engine.jobs.turn(asker.group):
            # Both of the same model, which may be replaced while the text is read.
            classifier, variants = engine.classifier, _Variants(engine, asker, value)
            # Many long texts at once would take half a second of the event loop. The turn lasts as long as the thread:
            # it cannot be cancelled, and there must not be one more for each explanation that is.
            read = await in_thread(_read, classifier, text)
            return await _Explaining(variants, classifier, text, read).run(progress)
    except TimeoutError as error:
        raise ModelUnavailable("the explanation took too long") from error


@dataclass(frozen=True, slots=True)
class _Read:
    """What the model reads of a text. All parts are without punctuation."""

    located: LocatedTokens
    sentences: Sequence[Part]
    words: Sequence[Part]

    @property
    def special(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The tokens before and after those of any text."""
        ids, places = self.located.input_ids, self.located.places
        written = [index for index, (begin, end) in enumerate(places) if begin < end]
        return ids[: written[0]], ids[written[-1] + 1 :]


def _read(classifier: ServedClassifier, text: str) -> _Read:
    located = classifier.locate(text)
    text_words = _told_apart(parts_of(words(text), located))
    parts = words_of(parts_of(join(sentences(text), MAX_SENTENCES, "sentence"), located), text_words)
    if located.block is None:
        spans = join([word.span for word in text_words], MAX_PHRASES, "phrase")
        return _Read(located, parts, words_of(parts_of(spans, located), text_words))
    return _Read(located, parts, text_words)


def _told_apart(parts: Sequence[Part]) -> list[Part]:
    """Join words that are one token to the model, as all words of a script are that it does not know.

    So there are no more words than tokens, or about as many, however long the text.
    """
    return [_phrase(list(same)) for _, same in itertools.groupby(parts, key=lambda part: part.tokens)]


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
    """Rates one text and its variants by one model."""

    def __init__(self, engine: Engine, asker: Asker, value: Callable[[Prediction], float] | None) -> None:
        self._engine = engine
        self._asker = asker
        self._wanted = value
        self.aim = Aim(value or _expected_stars)
        """Settled by ``begin``."""
        self.model = engine.info

    async def begin(self, text: str, cache: EncoderCache) -> float:
        """Rate the whole text, by which it is known what is explained."""
        prediction = await self._predict(text, cache)
        if self._wanted is None:
            self.aim = aim_of(prediction)
        return self.aim.value(prediction)

    async def rate_each(self, texts: Iterable[Variant], begun: EncoderCache) -> list[float]:
        """Rate variants of the text whose cache is ``begun``."""
        variants = Variants(list(texts), begun)
        if variants.texts:
            await self._predict(variants)
        return [self.aim.value(prediction) for prediction in variants.predictions]

    async def _predict(self, text: Input, cache: EncoderCache | None = None) -> Prediction:
        answer = await self._engine.classify(text, cache, self._asker, background=True)
        if answer.model != self.model:
            raise ModelUnavailable("the model was replaced during the explanation; ask again")
        return answer.prediction


class _Explaining:
    """The explanation of one text."""

    def __init__(self, variants: _Variants, classifier: ServedClassifier, text: str, read: _Read) -> None:
        self._variants = variants
        self._text = text
        self._read = read
        self._ids = read.located.input_ids
        self._whole = EncoderCache()
        self._values: dict[int, float] = {}
        """The explained value of the first tokens of the text, by their number."""
        comma, the = classifier.fillers
        self._filler, self._other = Filler(comma, the), Filler(the, comma)
        self._sentences: dict[Part, float] = {}
        self._weighed: Sequence[Part] = ()
        """The words that are weighed: all but function words."""
        self._words: dict[Part, _Weight] = {}
        self._asked_twice: set[Part] = set()
        self._phrases: dict[Part, _Weight] = {}
        """Negations with what they turn, which take the place of their words."""

    async def run(self, progress: Progress | None) -> Explanation:
        self._values[len(self._ids)] = await self._variants.begin(self._text, self._whole)
        if not self._read.words:
            return self._so_far()
        words = self._weighed = [word for word in self._read.words if not self._is(is_function_word, word)]
        left_out = await self._left_out(self._read.sentences, self._filler)
        self._sentences = dict(zip(self._read.sentences, left_out, strict=True))
        if progress is not None and words:
            await progress(self._so_far())
        alone = dict(zip(words, await self._alone(words, self._filler), strict=True))
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
            by_filler = [await self._weigh(phrases, filler) for filler in (self._filler, self._other)]
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

    async def _weigh(self, parts: Sequence[Part], filler: Filler) -> list[_Weight]:
        left_out = await self._left_out(parts, filler)
        return list(map(_Weight, left_out, await self._alone(parts, filler)))

    async def _left_out(self, parts: Sequence[Part], filler: Filler) -> list[float]:
        """Return what each part adds to all others."""
        ids, ends = self._ids, [self._end_of(part) for part in parts]
        new = sorted(set(ends) - self._values.keys())
        whole = [Variant(ids[:end], end) for end in new]
        filled = [
            Variant(filler.fill(ids, part.tokens)[:end], part.tokens[0]) for part, end in zip(parts, ends, strict=True)
        ]
        values = await self._variants.rate_each(whole + filled, self._whole)
        self._values |= zip(new, values, strict=False)
        return [self._values[end] - value for end, value in zip(ends, values[len(new) :], strict=True)]

    def _end_of(self, part: Part) -> int:
        """Return after how many tokens to rate the text with and without the part: whole blocks, or all."""
        most, block = len(self._ids), self._read.located.block
        if block is None:
            return most
        end = -(-(part.tokens[-1] + 1 + _AFTER) // block) * block
        return end if most - end >= _LEAST_LEFT else most

    async def _alone(self, parts: Sequence[Part], filler: Filler) -> list[float]:
        """Return what each part adds where nothing else is said, between some filler."""
        start, end = self._read.special
        around = (filler.token,) * _AROUND
        most = self._variants.model.max_tokens - len(end)

        def between(tokens: tuple[int, ...]) -> Variant:
            return Variant((*(*start, *around, *tokens, *around)[:most], *end), 0)

        said = [tuple(self._ids[index] for index in part.tokens) for part in parts]
        filled = [filler.fill(tokens, range(len(tokens))) for tokens in said]
        # What comes again is asked for once.
        texts = list(dict.fromkeys([*said, *filled]))
        values = dict(zip(texts, await self._variants.rate_each(map(between, texts), EncoderCache()), strict=True))
        return [values[tokens] - values[nothing] for tokens, nothing in zip(said, filled, strict=True)]

    def _so_far(self) -> Explanation:
        aim = self._variants.aim
        inside = {index for phrase in self._phrases for index in phrase.tokens}
        weights = {word: weight.mean for word, weight in self._words.items() if word.tokens[0] not in inside}
        weights |= {phrase: weight.mean for phrase, weight in self._phrases.items()}
        found = _contributions(self._sentences, aim.span) + _contributions(weights, aim.span)
        all_words = len(self._words) == len(self._weighed)
        if all_words:
            silent = (
                word.span for word in self._read.words if word not in self._words and word.tokens[0] not in inside
            )
            found += [Contribution(span.begin, span.end, 0.0, span.unit, stands_out=False) for span in silent]
        found.sort(key=lambda part: (part.begin, -part.end, part.unit != "sentence"))
        return Explanation(
            self._values[len(self._ids)],
            tuple(found),
            all_words,
            self._variants.model,
            self._read.located.unread,
            aim.label,
            aim.counted_in,
        )


def _phrase(words: Sequence[Part]) -> Part:
    [span] = join([word.span for word in words], 1, "phrase")
    return Part(span, tuple(dict.fromkeys(index for word in words for index in word.tokens)))


def _contributions(weights: Mapping[Part, float], span: float) -> list[Contribution]:
    floor = floor_of(weights.values(), span)
    return [
        Contribution(part.span.begin, part.span.end, weight, part.span.unit, stands_out=abs(weight) >= floor)
        for part, weight in weights.items()
    ]

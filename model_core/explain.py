"""What the words and sentences of a text contribute to its expected stars, by leaving them out one after another.

Occlusion asks the model as it is served, so that the weights mean what they say: without this word the text would get
so many stars less. Zeiler & Fergus 2014; for words Li, Monroe & Jurafsky 2016.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from model_core.cache import EncoderCache
from model_core.engine import Engine
from model_core.errors import ModelUnavailable
from model_core.segmentation import Span, Unit, join, sentences, words

METHOD: Final = "leave_out"
MAX_PASSES: Final = 64
"""Texts that one explanation has rated at the most."""
WITHIN_S: Final = 30.0
"""Background work has no bound of its own for so many passes; nobody waits longer for them."""
MAX_SENTENCES: Final = 24
_FEWEST_PHRASES: Final = 4


@dataclass(frozen=True, slots=True)
class Contribution:
    """The characters from ``begin`` to before ``end``; without them the text gets ``weight`` stars less."""

    begin: int
    end: int
    weight: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class Explanation:
    """Contributions in the order of the text, each sentence before its words."""

    expected_stars: float
    """Of the whole text."""
    contributions: tuple[Contribution, ...]


async def explain(engine: Engine, text: str) -> Explanation:
    """Explain one text, as background work of the engine, one text at a time.

    Raises EngineError as the engine does, and ModelUnavailable where it takes longer than ``WITHIN_S``.

    All sentences are left out in turn, then the words of those that weigh most, until ``MAX_PASSES`` texts were rated.
    In a long text neighbouring sentences count as one, and neighbouring words as one phrase.
    """
    try:
        async with asyncio.timeout(WITHIN_S):
            return await _explain(engine, text)
    except TimeoutError as error:
        raise ModelUnavailable("the explanation took too long") from error


async def _explain(engine: Engine, text: str) -> Explanation:
    # Half a second of the event loop's time would be lost on many long texts at once.
    text_sentences, text_words = await asyncio.to_thread(lambda: (sentences(text), words(text)))
    leave_out = _LeaveOut(engine, text)
    expected_stars = await leave_out.rate(text)
    parts = await leave_out.weigh(join(text_sentences, MAX_SENTENCES, "sentence"), expected_stars)
    chosen: list[Span] = []
    for part in sorted(parts, key=lambda part: -abs(part.weight)):
        room = MAX_PASSES - 1 - len(parts) - len(chosen)
        if room < _FEWEST_PHRASES:
            break
        inside = [word for word in text_words if part.begin <= word.begin and word.end <= part.end]
        chosen += join(inside, room, "phrase")
    parts += await leave_out.weigh(chosen, expected_stars)
    return Explanation(expected_stars, tuple(sorted(parts, key=lambda part: (part.begin, -part.end))))


class _LeaveOut:
    """Rates a text without some of its parts."""

    def __init__(self, engine: Engine, text: str) -> None:
        self._engine = engine
        self._text = text
        self._cache = EncoderCache()

    async def rate(self, text: str) -> float:
        answer = await self._engine.classify(text, self._cache, background=True)
        return answer.prediction.expected_stars

    async def weigh(self, spans: list[Span], expected_stars: float) -> list[Contribution]:
        # From the last to the first: what comes before the gap is then still in the cache from the text before.
        return [
            Contribution(begin, end, expected_stars - await self.rate(self._text[:begin] + self._text[end:]), unit)
            for begin, end, unit in sorted(spans, reverse=True)
        ]

"""Explains a rating by occlusion: leave out each word and sentence, and rate the rest.

Weights are differences of ratings by the served model. Zeiler & Fergus 2014; for words Li, Monroe & Jurafsky 2016.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from model_core.cache import EncoderCache
from model_core.engine import Engine
from model_core.errors import ModelUnavailable
from model_core.segmentation import Span, Unit, join, sentences, words
from model_core.ticket import Asker

METHOD: Final = "leave_out"
MAX_PASSES: Final = 64
"""Maximum number of ratings per explanation."""
WITHIN_S: Final = 30.0
"""Seconds. Background work has no limit of its own."""
MAX_SENTENCES: Final = 24
_FEWEST_PHRASES: Final = 4


@dataclass(frozen=True, slots=True)
class Contribution:
    """The characters ``begin`` to ``end`` (exclusive). Without them the expected stars are lower by ``weight``."""

    begin: int
    end: int
    weight: float
    unit: Unit


@dataclass(frozen=True, slots=True)
class Explanation:
    """Contributions in the order of the text, each sentence before its words."""

    expected_stars: float
    """Expected stars of the whole text."""
    contributions: tuple[Contribution, ...]


async def explain(engine: Engine, text: str, asker: Asker | None = None) -> Explanation:
    """Explain one text as background work, one text at a time.

    Raises EngineError, Overloaded if many explanations of the asker's group wait, or ModelUnavailable after
    ``WITHIN_S``.

    Leaves out every sentence, then the words of the sentences with the largest weights, until ``MAX_PASSES`` ratings.
    In long texts, neighbouring sentences count as one, and neighbouring words as one phrase.
    """
    try:
        asker = asker or Asker()
        async with asyncio.timeout(WITHIN_S), engine.jobs.turn(asker.group):
            return await _explain(engine, text, asker)
    except TimeoutError as error:
        raise ModelUnavailable("the explanation took too long") from error


async def _explain(engine: Engine, text: str, asker: Asker) -> Explanation:
    # Many long texts at once would take half a second of the event loop.
    text_sentences, text_words = await asyncio.to_thread(lambda: (sentences(text), words(text)))
    leave_out = _LeaveOut(engine, text, asker)
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

    def __init__(self, engine: Engine, text: str, asker: Asker) -> None:
        self._engine = engine
        self._asker = asker
        self._text = text
        self._cache = EncoderCache()

    async def rate(self, text: str) -> float:
        answer = await self._engine.classify(text, self._cache, self._asker, background=True)
        return answer.prediction.expected_stars

    async def weigh(self, spans: list[Span], expected_stars: float) -> list[Contribution]:
        # From last to first: the cache then still covers what comes before the gap.
        return [
            Contribution(begin, end, expected_stars - await self.rate(self._text[:begin] + self._text[end:]), unit)
            for begin, end, unit in sorted(spans, reverse=True)
        ]

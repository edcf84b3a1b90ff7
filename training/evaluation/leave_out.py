"""Explanations by leaving words out of the text: what ``training.faithfulness`` compares ``model_core.explain`` with.

Every sentence, and the words of those with the largest weights, until ``MAX_PASSES`` ratings (Zeiler & Fergus 2014; for
words Li, Monroe & Jurafsky 2016).
"""

from typing import Final

from model_core.cache import EncoderCache
from model_core.engine import Engine
from model_core.explain import MAX_SENTENCES, Contribution, Explanation
from model_core.tokenization.segmentation import Span, join, sentences, words

METHOD: Final = "delete"
MAX_PASSES: Final = 64
"""Maximum number of ratings per explanation."""
_FEWEST_PHRASES: Final = 4
_LEAST: Final = 0.05
_LEAST_SHARE: Final = 0.25
"""Least weight that stands out, in stars and of the largest one."""
_LEAST_SCALE: Final = 0.25


async def leave_out(engine: Engine, text: str) -> Explanation:
    """Explain one text. In long texts, neighbouring sentences count as one, and neighbouring words as one phrase."""
    cache = EncoderCache()

    async def rate(variant: str) -> float:
        return (await engine.classify(variant, cache, background=True)).prediction.expected_stars

    async def weigh(spans: list[Span]) -> dict[Span, float]:
        # From last to first: the cache then still covers what comes before the gap.
        return {span: stars - await rate(text[: span.begin] + text[span.end :]) for span in sorted(spans, reverse=True)}

    stars, text_words = await rate(text), words(text)
    parts = await weigh(join(sentences(text), MAX_SENTENCES, "sentence"))
    chosen: list[Span] = []
    for part in sorted(parts, key=lambda part: -abs(parts[part])):
        room = MAX_PASSES - 1 - len(parts) - len(chosen)
        if room < _FEWEST_PHRASES:
            break
        inside = [word for word in text_words if part.begin <= word.begin and word.end <= part.end]
        chosen += join(inside, room, "phrase")
    weights = await weigh(chosen)
    least = max(_LEAST, _LEAST_SHARE * max(_LEAST_SCALE, *map(abs, weights.values()), 0.0))
    found = [Contribution(*span[:2], weight, span.unit, abs(weight) >= least) for span, weight in weights.items()]
    return Explanation(stars, tuple(found), all_words=len(found) == len(text_words), model=engine.info)

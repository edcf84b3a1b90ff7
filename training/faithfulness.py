"""Judge explanations by what is known of words, and of what the rating becomes without them.

``python -m training.faithfulness --data ARCHIVE --texts 100 --rows FILE`` explains validation reviews as served
(``filler``) and by leaving words out (``delete``), adds a line to ``FILE`` for each, and prints the figures as JSON. An
interrupted run goes on where it was.

Stop-words are those of scikit-learn, opinion words those of VADER's lexicon (Hutto & Gilbert 2014), which are then no
stop-words; opinion words within three words after a negation are left out, since their sign is unclear. A phrase counts
as a stop-word if all its words are, else as the first of its opinion words. Words are removed as in DeYoung et al. 2020
(ERASER, comprehensiveness), in stars, by two ways: deleted, and replaced by "that", which no explanation uses.
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS
from tqdm import tqdm
from vaderSentiment.vaderSentiment import NEGATE, SentimentIntensityAnalyzer

from model_core.cache import EncoderCache
from model_core.classifier import Input, ServedClassifier
from model_core.engine import Engine
from model_core.errors import CheckpointError
from model_core.explain import METHOD, Contribution, Explanation, explain
from model_core.filler import Filler, parts_of
from model_core.loading import load_classifier
from model_core.options import EngineOptions
from model_core.text import MAX_CHARS
from model_core.tokenization.segmentation import words
from training.data import Review, add_data_argument, add_validation_argument, load_split
from training.errors import TrainingError
from training.evaluate import DEFAULT_CHECKPOINT
from training.evaluation import leave_out

REMOVED: Final = (1, 3, 5)
"""Numbers of words to remove together."""
MIDDLE: Final = 5.5
"""Stars between the two sides."""
OPENING: Final = "Well well. "
"""Says nothing, so the same words should be drawn after it."""
_REMOVED_WITH: Final = "that"
_NEGATED: Final = 3
"""Words after a negation."""
_WITHIN_S: Final = 3600
"""Seconds per explanation."""
_SEED: Final = 17
_KEY: Final = ("method", "weights", "review", "chars")
"""What tells rows apart."""

Explain = Callable[[Engine, str], Awaitable[Explanation]]


METHODS: Final[Mapping[str, Explain]] = {METHOD: explain, leave_out.METHOD: leave_out.leave_out}


@dataclass(frozen=True)
class Lexicon:
    """What is known of words."""

    stop_words: frozenset[str]
    polarity: Mapping[str, float]
    """Above 0 for good words, below for bad ones."""
    negations: frozenset[str]

    @classmethod
    def load(cls) -> "Lexicon":
        """Load the stop-words of scikit-learn and the lexicon of VADER."""
        polarity = SentimentIntensityAnalyzer().lexicon
        return cls(ENGLISH_STOP_WORDS - polarity.keys(), polarity, frozenset(NEGATE))

    def negated(self, text_words: Sequence[str]) -> set[int]:
        """Return the indices of the words soon after a negation."""
        negations = [at for at, word in enumerate(text_words) if word in self.negations or word.endswith("n't")]
        return {at + step for at in negations for step in range(1, _NEGATED + 1)}


async def judge(engine: Engine, text: str, method: str, lexicon: Lexicon) -> dict[str, Any]:
    """Explain one text, and return what is right and wrong about its words."""
    explanation = await METHODS[method](engine, text)
    after_opening = await METHODS[method](engine, OPENING + text)
    found = [part for part in explanation.contributions if part.unit != "sentence"]
    spans = words(text)
    written = [text[span.begin : span.end].lower().replace("’", "'") for span in spans]
    negated = lexicon.negated(written)

    def words_in(part: Contribution) -> list[int]:
        return [at for at, span in enumerate(spans) if part.begin <= span.begin < part.end]

    def is_stop(part: Contribution) -> bool:
        return all(written[at] in lexicon.stop_words for at in words_in(part))

    stops, opinions, signs = [], [], []
    for part in found:
        polarities = [lexicon.polarity.get(written[at], 0.0) for at in words_in(part) if at not in negated]
        polarity = next(filter(None, polarities), 0.0)
        if is_stop(part):
            stops.append(abs(part.weight))
        elif polarity:
            opinions.append(abs(part.weight))
            if part.stands_out:
                signs.append(part.weight * polarity > 0)
    drawn = sorted((part for part in found if part.stands_out), key=lambda part: -abs(part.weight))
    first = [text[part.begin : part.end].lower() for part in drawn[:1] if is_stop(part)]
    same, others = ({(part.begin, part.end) for part in parts} for parts in (drawn, _moved_back(after_opening)))
    return {
        "words": len(found),
        "stop_words": [sum(stops), len(stops)],
        "opinion_words": [sum(opinions), len(opinions)],
        "signs": [sum(signs), len(signs)],
        "drawn": [sum(map(is_stop, drawn)), len(drawn)],
        "first": first,
        "same": len(same & others) / len(same | others) if same | others else 1.0,
        "moved": await _moved(engine, text, found),
    }


def _moved_back(explanation: Explanation) -> Iterable[Contribution]:
    shift = len(OPENING)
    for part in explanation.contributions:
        if part.stands_out and part.unit != "sentence" and part.begin >= shift:
            yield Contribution(part.begin - shift, part.end - shift, part.weight, part.unit, part.stands_out)


async def _moved(engine: Engine, text: str, found: Sequence[Contribution]) -> dict[str, dict[str, list[float]]]:
    """Return how far the rating goes back without words, in stars, by way and number of words.

    First without those that speak most for the side of the rating, then the absolute change without as many random
    ones. Numbers of which the text has not twice as many words are left out.
    """
    classifier = engine.classifier
    located, special = classifier.locate(text), classifier.locate("").input_ids
    [that] = [token for token in classifier.locate(_REMOVED_WITH).input_ids if token not in special]
    filler = Filler(that, classifier.fillers[0])
    text_words = parts_of(words(text), located)
    begun = EncoderCache()

    async def stars(variant: Input) -> float:
        return (await engine.classify(variant, begun.fork(), background=True)).prediction.expected_stars

    def deleted(removed: Sequence[Contribution]) -> str:
        rest = text
        for part in sorted(removed, key=lambda part: part.begin, reverse=True):
            rest = rest[: part.begin] + rest[part.end :]
        return rest

    def replaced(removed: Sequence[Contribution]) -> tuple[int, ...]:
        places = [(part.begin, part.end) for part in removed]
        read = [word for word in text_words if any(begin <= word.span.begin < end for begin, end in places)]
        return filler.fill(located.input_ids, {at for word in read for at in word.tokens})

    await engine.classify(text, begun, background=True)
    whole, rng = await stars(text), random.Random(_SEED)
    side = 1 if whole > MIDDLE else -1
    strongest = sorted(found, key=lambda part: -side * part.weight)
    moved: dict[str, dict[str, list[float]]] = {"deleted": {}, _REMOVED_WITH: {}}
    for count in (count for count in REMOVED if len(found) >= 2 * count):
        drawn = rng.sample(found, count)
        for way, without in (("deleted", deleted), (_REMOVED_WITH, replaced)):
            back = side * (whole - await stars(without(strongest[:count])))
            moved[way][str(count)] = [back, abs(whole - await stars(without(drawn)))]
    return moved


def summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of one method over all texts, shares in percent."""

    def share(name: str) -> float:
        return 100 * _ratio([sum(row[name][0] for row in rows), sum(row[name][1] for row in rows)])

    def mean_of(way: str, count: int) -> list[float]:
        pairs = [row["moved"][way][str(count)] for row in rows if str(count) in row["moved"][way]]
        return [round(float(mean), 2) for mean in np.mean(pairs, axis=0)] if pairs else []

    noise, signal = (_ratio(np.sum([row[name] for row in rows], axis=0)) for name in ("stop_words", "opinion_words"))
    return {
        "texts": len(rows),
        "stop_words_over_opinion_words": round(_ratio([noise, signal]), 3),
        "stop_word_first_percent": round(100 * float(np.mean([any(row["first"]) for row in rows])), 1),
        "stop_words_first": sorted(word for row in rows for word in row["first"]),
        "stop_words_drawn_percent": round(share("drawn"), 1),
        "sign_right_percent": round(share("signs"), 1),
        "nothing_drawn_percent": round(100 * float(np.mean([not row["drawn"][1] for row in rows])), 1),
        "same_after_opening": round(float(np.mean([row["same"] for row in rows])), 2),
        "moved": {way: {count: mean_of(way, count) for count in REMOVED} for way in ("deleted", _REMOVED_WITH)},
    }


def _ratio(pair: Sequence[float]) -> float:
    part, whole = pair
    return float(part / whole) if whole else 0.0


def judge_all(
    classifier: ServedClassifier, reviews: Sequence[Review], rows: Path, lexicon: Lexicon, chars: int
) -> dict[str, list[dict[str, Any]]]:
    """Judge all methods on the first ``chars`` characters of all reviews, and return their rows.

    New ones are added to the file, others taken from it.
    """
    lines = rows.read_text(encoding="utf-8").splitlines() if rows.exists() else []
    known = {tuple(row[name] for name in _KEY): row for row in map(json.loads, lines)}
    found: dict[str, list[dict[str, Any]]] = {method: [] for method in METHODS}
    with rows.open("a", encoding="utf-8") as file:
        for review in tqdm(reviews, desc="explaining", mininterval=1, disable=None):
            for method in METHODS:
                key = method, classifier.info.sha256, f"{review.part} {review.number} {review.stars}", chars
                if key not in known:
                    judged = asyncio.run(_judge(classifier, review.text[:chars], method, lexicon))
                    known[key] = dict(zip(_KEY, key, strict=True)) | judged
                    file.write(json.dumps(known[key]) + "\n")
                    file.flush()
                found[method].append(known[key])
    return found


async def _judge(classifier: ServedClassifier, text: str, method: str, lexicon: Lexicon) -> dict[str, Any]:
    engine = Engine(classifier, EngineOptions(background_deadline_ms=_WITHIN_S * 1000))
    try:
        return await judge(engine, text, method, lexicon)
    finally:
        await engine.close()


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.faithfulness", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--backend", choices=("onnx", "torch", "fake"), default="onnx", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--texts", type=int, default=100, help="validation reviews to explain (%(default)s)")
    parser.add_argument("--chars", type=int, default=MAX_CHARS, help="of each review, from its beginning (%(default)s)")
    parser.add_argument("--choose", action="store_true", help="take other reviews than those that judge")
    parser.add_argument("--rows", type=Path, required=True, help="file for a line per review, to go on with later")
    add_validation_argument(parser)
    options = parser.parse_args(argv)
    try:
        reviews = load_split(options.data, "validation", options.validation_share)
        classifier = load_classifier(options.checkpoint, options.backend, options.threads, films_only=True)
    except (CheckpointError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    chosen = random.Random(_SEED).sample(reviews, min(options.texts, len(reviews)))
    if options.choose:
        others = [review for review in reviews if review not in chosen]
        chosen = random.Random(_SEED).sample(others, min(options.texts, len(others)))
    found = judge_all(classifier, chosen, options.rows, Lexicon.load(), options.chars)
    model = {"name": classifier.info.name, "version": classifier.info.version}
    print(json.dumps({"model": model, **{method: summary(rows) for method, rows in found.items()}}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

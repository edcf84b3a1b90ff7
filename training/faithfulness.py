"""Measure how faithful explanations are: deleting important words must change the rating more than random words.

``python -m training.faithfulness --data ARCHIVE --reviews 100`` prints the figures as JSON. Deletion test as in
DeYoung et al. 2020 (ERASER, comprehensiveness), here in stars.
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from model_core.classifier import ServedClassifier
from model_core.engine import Engine
from model_core.errors import CheckpointError
from model_core.explain import METHOD, Contribution, explain
from model_core.loading import load_classifier
from training.beginnings import spread
from training.data import DataError, Review, add_data_argument, add_validation_argument, load_split
from training.evaluate import DEFAULT_CHECKPOINT

DELETED: Final = (1, 3, 5)
"""Numbers of words to delete together."""
_DRAWS: Final = 5
"""Random choices of words per review, averaged."""


async def deletion_test(classifier: ServedClassifier, reviews: Sequence[Review], seed: int = 0) -> dict[str, Any]:
    """Delete words of each review; return the mean changes of the expected stars, by number of deleted words.

    ``fall``: the decrease without the words that raise the rating most. ``rise``: the increase without those that lower
    it most. ``random``: the mean absolute change without as many random words. Only words with a weight are deleted.
    For each number, reviews with fewer than twice as many weighted words are skipped, so that all three use the same
    reviews.
    """
    rng = random.Random(seed)
    engine = Engine(classifier)
    changes: dict[int, list[tuple[float, float, float]]] = {count: [] for count in DELETED}

    async def stars_without(text: str, parts: Sequence[Contribution]) -> float:
        answer = await engine.classify(_delete(text, parts), background=True)
        return answer.prediction.expected_stars

    for review in tqdm(reviews, desc="explaining", mininterval=1, disable=None):
        explanation = await explain(engine, review.text)
        whole = explanation.expected_stars
        words = sorted((part for part in explanation.contributions if part.unit == "word"), key=lambda p: p.weight)
        for count in DELETED:
            if len(words) < 2 * count:
                continue
            fall = whole - await stars_without(review.text, words[-count:])
            rise = await stars_without(review.text, words[:count]) - whole
            drawn = [await stars_without(review.text, rng.sample(words, count)) - whole for _ in range(_DRAWS)]
            changes[count].append((fall, rise, float(np.mean(np.abs(drawn)))))
    await engine.close()
    return {
        str(count): {"reviews": len(rows), **dict(zip(("fall", "rise", "random"), np.mean(rows, axis=0), strict=True))}
        for count, rows in changes.items()
        if rows
    }


def _delete(text: str, parts: Sequence[Contribution]) -> str:
    for part in sorted(parts, key=lambda part: part.begin, reverse=True):
        text = text[: part.begin] + text[part.end :]
    return text


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.faithfulness", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--backend", choices=("onnx", "torch", "fake"), default="onnx", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--reviews", type=int, default=100, help="validation reviews to explain (%(default)s)")
    add_validation_argument(parser)
    options = parser.parse_args(argv)
    try:
        reviews = spread(load_split(options.data, "validation", options.validation_share), options.reviews)
        classifier = load_classifier(options.checkpoint, options.backend, options.threads)
    except (DataError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    deleted = asyncio.run(deletion_test(classifier, reviews))
    model = {"name": classifier.info.name, "version": classifier.info.version}
    print(json.dumps({"method": METHOD, "reviews": len(reviews), "deleted_words": deleted, "model": model}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

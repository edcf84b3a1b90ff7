"""How calmly the rating moves while somebody types: every keystroke of a review is rated, half-typed words included.

The figures follow the literature on incremental processing (Baumann et al. 2011): a constant is perfectly stable, so
accuracy stands beside them.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from model_core.classifier import Classifier
from model_core.labels import CLASS_OF_STARS
from training.data import Review

MAX_KEYSTROKES: Final = 300
KEY_BINS: Final = (10, 20, 40, 80, 160, MAX_KEYSTROKES)
"""Last keystrokes of the stretches whose accuracy is told apart."""


def stability_metrics(classifier: Classifier, reviews: Sequence[Review]) -> dict[str, Any]:
    """Type the first ``MAX_KEYSTROKES`` characters of each review, rating after each.

    ``flips_per_100_keys`` counts changes of the most probable class; ``edit_overhead`` is the share of them that a
    rating which goes straight to its end would not need; ``correction_time`` the share of the keystrokes after
    which the class stays; ``move_per_key`` the mean change of the expected stars; ``accuracy_by_key`` the accuracy
    over the keystrokes up to each of ``KEY_BINS``, after the one before.
    """
    flips = needless = 0
    moves: list[float] = []
    settled: list[float] = []
    right = np.zeros(MAX_KEYSTROKES)
    typed_to = np.zeros(MAX_KEYSTROKES)
    for review in tqdm(reviews, desc="typing", mininterval=1, disable=None):
        end = min(len(review.text), MAX_KEYSTROKES)
        typed = classifier.classify([review.text[:chars] for chars in range(1, end + 1)])
        classes = np.array([CLASS_OF_STARS[prediction.stars] for prediction in typed])
        changes = np.flatnonzero(np.diff(classes))
        flips += len(changes)
        needless += len(changes) - int(classes[0] != classes[-1])
        settled.append(float(changes[-1] + 1) / end if len(changes) else 0.0)
        moves += np.abs(np.diff([prediction.expected_stars for prediction in typed])).tolist()
        right[:end] += classes == review.label
        typed_to[:end] += 1
    keystrokes = int(typed_to.sum())
    return {
        "reviews": len(reviews),
        "keystrokes": keystrokes,
        "flips_per_100_keys": 100 * flips / keystrokes,
        "edit_overhead": needless / max(flips, 1),
        "correction_time": float(np.mean(settled)),
        "move_per_key": float(np.mean(moves)),
        "accuracy": float(right.sum()) / keystrokes,
        "accuracy_by_key": {
            str(last): float(right[first:last].sum() / typed_to[first:last].sum())
            for first, last in zip((0, *KEY_BINS), KEY_BINS, strict=False)
            if typed_to[first]
        },
    }

"""How stable the rating is while typing: every keystroke of a review is rated, with half-typed words.

The metrics follow the literature on incremental processing (Baumann et al. 2011). A constant would be perfectly stable,
so accuracy is measured too.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from tqdm import tqdm

from model_core.classifier import Classifier
from training.data import Review, labels_of

MAX_KEYSTROKES: Final = 300
KEY_BINS: Final = (10, 20, 40, 80, 160, MAX_KEYSTROKES)
"""Ends of the ranges of keystrokes for which the accuracy is given."""


def stability_metrics(classifier: Classifier, reviews: Sequence[Review]) -> dict[str, Any]:
    """Type the first ``MAX_KEYSTROKES`` characters of each review, and rate after each.

    ``flips_per_100_keys``: changes of the most probable class. ``edit_overhead``: the share of them that is not needed
    to reach the final class. ``correction_time``: the share of keystrokes after which the class no longer changes.
    ``move_per_key``: the mean change of the expected value, where labels have values. ``accuracy_by_key``: the accuracy
    over the keystrokes of each range of ``KEY_BINS``.
    """
    flips = needless = 0
    labels = labels_of(reviews)
    moves: list[float] = []
    settled: list[float] = []
    right = np.zeros(MAX_KEYSTROKES)
    typed_to = np.zeros(MAX_KEYSTROKES)
    for review in tqdm(reviews, desc="typing", mininterval=1, disable=None):
        end = min(len(review.text), MAX_KEYSTROKES)
        typed = classifier.classify([review.text[:chars] for chars in range(1, end + 1)])
        classes = np.array([int(np.argmax(prediction.probabilities)) for prediction in typed])
        changes = np.flatnonzero(np.diff(classes))
        flips += len(changes)
        needless += len(changes) - int(classes[0] != classes[-1])
        settled.append(float(changes[-1] + 1) / end if len(changes) else 0.0)
        if labels.values is not None:
            moves += np.abs(np.diff([labels.expected(prediction.probabilities) for prediction in typed])).tolist()
        right[:end] += classes == review.label
        typed_to[:end] += 1
    keystrokes = int(typed_to.sum())
    return {
        "reviews": len(reviews),
        "keystrokes": keystrokes,
        "flips_per_100_keys": 100 * flips / keystrokes,
        "edit_overhead": needless / max(flips, 1),
        "correction_time": float(np.mean(settled)),
        **({"move_per_key": float(np.mean(moves))} if labels.values is not None else {}),
        "accuracy": float(right.sum()) / keystrokes,
        "accuracy_by_key": {
            str(last): float(right[first:last].sum() / typed_to[first:last].sum())
            for first, last in zip((0, *KEY_BINS), KEY_BINS, strict=False)
            if typed_to[first]
        },
    }

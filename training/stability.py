"""How calmly the rating moves while somebody types: every keystroke of a review is rated, half-typed words included.

The figures follow the literature on incremental processing (Baumann et al. 2011): a constant is perfectly stable, so
accuracy stands beside them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from tqdm import tqdm

from model_core.classifier import Classifier
from model_core.labels import CLASS_OF_STARS
from training.data import Review

MAX_KEYSTROKES: Final = 300


def stability_metrics(classifier: Classifier, reviews: Sequence[Review]) -> dict[str, float]:
    """Type the first ``MAX_KEYSTROKES`` characters of each review, rating after each.

    ``flips_per_100_keys`` counts changes of the most probable class; ``edit_overhead`` is the share of them that a
    rating which goes straight to its end would not need; ``correction_time`` the share of the keystrokes after
    which the class stays; ``move_per_key`` the mean change of the expected stars.
    """
    flips = keystrokes = needless = right = 0
    moves: list[float] = []
    settled: list[float] = []
    for review in tqdm(reviews, desc="typing", mininterval=1, disable=None):
        end = min(len(review.text), MAX_KEYSTROKES)
        typed = classifier.classify([review.text[:chars] for chars in range(1, end + 1)])
        classes = np.array([CLASS_OF_STARS[prediction.stars] for prediction in typed])
        changes = np.flatnonzero(np.diff(classes))
        flips += len(changes)
        needless += len(changes) - int(classes[0] != classes[-1])
        settled.append(float(changes[-1] + 1) / end if len(changes) else 0.0)
        moves += np.abs(np.diff([prediction.expected_stars for prediction in typed])).tolist()
        right += int((classes == review.label).sum())
        keystrokes += end
    return {
        "reviews": len(reviews),
        "keystrokes": keystrokes,
        "flips_per_100_keys": 100 * flips / keystrokes,
        "edit_overhead": needless / max(flips, 1),
        "correction_time": float(np.mean(settled)),
        "move_per_key": float(np.mean(moves)),
        "accuracy": right / keystrokes,
    }

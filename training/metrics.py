"""What a set of predicted distributions is worth. Probabilities are [texts, 8] in class order, stars [texts]."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score

from model_core.labels import CLASS_OF_STARS, FIRST_POSITIVE_CLASS, STARS

ECE_BINS: Final = 15

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def rating_metrics(probabilities: Floats, stars: Integers) -> dict[str, float]:
    """All figures of one set of texts.

    ``within_one`` counts neighbouring classes, so 4 and 7 are neighbours; ``mae`` and ``rmse`` are in real stars, of
    the expected value, so there 4 and 7 are three apart. ``binary_accuracy`` asks for 7 stars or more.
    """
    classes = np.array([CLASS_OF_STARS[int(value)] for value in stars])
    predicted = probabilities.argmax(axis=1)
    distance = np.abs(probabilities @ np.array(STARS) - stars)
    positive = probabilities[:, FIRST_POSITIVE_CLASS:].sum(axis=1) > 0.5
    likelihood = np.maximum(probabilities[np.arange(len(classes)), classes], 1e-12)
    return {
        "reviews": len(classes),
        "accuracy": float((predicted == classes).mean()),
        "binary_accuracy": float((positive == (classes >= FIRST_POSITIVE_CLASS)).mean()),
        "within_one": float((np.abs(predicted - classes) <= 1).mean()),
        "macro_f1": float(f1_score(classes, predicted, labels=range(len(STARS)), average="macro", zero_division=0)),
        "mae": float(distance.mean()),
        "rmse": float(np.sqrt((distance**2).mean())),
        "qwk": float(cohen_kappa_score(classes, predicted, labels=range(len(STARS)), weights="quadratic")),
        "nll": float(-np.log(likelihood).mean()),
        "ece": expected_calibration_error(probabilities, classes),
    }


def expected_calibration_error(probabilities: Floats, classes: Integers, bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy over bins of equal width (Guo et al. 2017)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == classes
    # Bins are open below and closed above, so that a confidence of 1 falls into the last.
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(which, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(classes))


def accuracy_interval(accuracy: float, count: int) -> float:
    """Half the width of the 95 % interval of an accuracy measured on ``count`` texts."""
    return float(1.96 * np.sqrt(accuracy * (1 - accuracy) / count))

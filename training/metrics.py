"""Metrics of predicted distributions. Probabilities are [texts, 8] in class order, stars [texts]."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score

from model_core.labels import CLASS_OF_STARS, FIRST_POSITIVE_CLASS, NUM_LABELS, STARS

ECE_BINS: Final = 15
RESAMPLES: Final = 1_000

_BOOTSTRAP_SEED = 20_11

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def rating_metrics(probabilities: Floats, stars: Integers) -> dict[str, float]:
    """All figures of one set of texts.

    ``within_one`` counts neighbouring classes, so 4 and 7 are neighbours. ``mae`` and ``rmse`` are errors of the
    expected stars, so 4 and 7 are three apart. ``binary_accuracy`` is for 7 stars or more. ``qwk`` is 0 if only one
    rating occurs, which leaves it undefined.
    """
    classes = classes_of(stars)
    predicted = probabilities.argmax(axis=1)
    each = contributions(probabilities, stars)
    mean = {figure: float(values.mean()) for figure, values in each.items()}
    return {
        "reviews": len(classes),
        "accuracy": mean["accuracy"],
        "binary_accuracy": mean["binary_accuracy"],
        "within_one": mean["within_one"],
        "macro_f1": float(f1_score(classes, predicted, labels=range(NUM_LABELS), average="macro", zero_division=0)),
        "mae": mean["mae"],
        "rmse": float(np.sqrt((each["mae"] ** 2).mean())),
        "qwk": quadratic_kappa(classes, predicted),
        "nll": mean["nll"],
        "ece": expected_calibration_error(probabilities, classes),
    }


def metrics_with_intervals(probabilities: Floats, stars: Integers) -> dict[str, Any]:
    """All figures of one set of texts, and their ``bootstrap_intervals`` under ``intervals``."""
    return {**rating_metrics(probabilities, stars), "intervals": bootstrap_intervals(probabilities, stars)}


def classes_of(stars: Integers) -> Integers:
    """Return the classes, 0 to 7, of these stars."""
    return np.array([CLASS_OF_STARS[int(value)] for value in stars])


def expected_stars(probabilities: Floats) -> Floats:
    """Mean of each distribution [texts], in stars."""
    return np.asarray(probabilities @ np.array(STARS, dtype=np.float64))


def contributions(probabilities: Floats, stars: Integers) -> dict[str, Floats]:
    """Return the contribution of each text [texts] to the figures that are means over texts."""
    classes = classes_of(stars)
    predicted = probabilities.argmax(axis=1)
    positive = probabilities[:, FIRST_POSITIVE_CLASS:].sum(axis=1) > 0.5
    likelihood = np.maximum(probabilities[np.arange(len(classes)), classes], 1e-12)
    return {
        "accuracy": (predicted == classes).astype(np.float64),
        "binary_accuracy": (positive == (classes >= FIRST_POSITIVE_CLASS)).astype(np.float64),
        "within_one": (np.abs(predicted - classes) <= 1).astype(np.float64),
        "mae": np.abs(expected_stars(probabilities) - stars),
        "nll": -np.log(likelihood),
    }


def bootstrap_intervals(probabilities: Floats, stars: Integers) -> dict[str, list[float]]:
    """95 % intervals, [low, high], of the figures that are means over texts.

    Percentiles over ``RESAMPLES`` draws of as many texts with replacement (Efron and Tibshirani 1993). The draws depend
    only on the number of texts, so two models on the same texts get the same draws.
    """
    each = contributions(probabilities, stars)
    values = np.column_stack(list(each.values()))
    count = len(values)
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    # A mean needs only how often each text is drawn: one product per draw, and no copies of the texts.
    means = [
        np.bincount(generator.integers(count, size=count), minlength=count) @ values / count for _ in range(RESAMPLES)
    ]
    ends = np.percentile(means, (2.5, 97.5), axis=0)
    return {figure: ends[:, column].tolist() for column, figure in enumerate(each)}


def confusion(probabilities: Floats, stars: Integers) -> list[list[int]]:
    """Return counts of texts [8, 8]: true classes by predicted classes."""
    cells = classes_of(stars) * NUM_LABELS + probabilities.argmax(axis=1)
    counts: list[list[int]] = np.bincount(cells, minlength=NUM_LABELS**2).reshape(NUM_LABELS, NUM_LABELS).tolist()
    return counts


def reliability(
    probabilities: Floats, classes: Integers, bins: int = ECE_BINS
) -> dict[str, list[int] | list[float | None]]:
    """Return the data of a reliability diagram: texts, mean confidence and accuracy of each bin; None in empty bins.

    The confidence is the probability of the most probable class. Bins are of equal width.
    """
    which, confidence, right = _binned(probabilities, classes, bins)
    counts = np.bincount(which, minlength=bins)

    def means(weights: Floats) -> list[float | None]:
        sums = np.bincount(which, weights=weights, minlength=bins)
        return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]

    return {"count": counts.tolist(), "confidence": means(confidence), "accuracy": means(right)}


def pooled_calibration(by_length: Mapping[str, Floats], stars: Integers) -> dict[str, Any]:
    """Calibration of the same texts at several lengths [texts, 8]: of each length, and of all predictions pooled.

    All lengths have the same weight in the pool. Gaps of opposite sign at two lengths can cancel out there, so each
    length has its own ECE too.
    """
    pool = np.concatenate(list(by_length.values()))
    classes = classes_of(stars)
    pool_classes = np.tile(classes, len(by_length))
    return {
        "ece_all_prefixes": expected_calibration_error(pool, pool_classes),
        "ece_by_length": {
            length: expected_calibration_error(probabilities, classes) for length, probabilities in by_length.items()
        },
        "bins_all_prefixes": reliability(pool, pool_classes),
    }


def quadratic_kappa(classes: Integers, predicted: Integers) -> float:
    """Agreement beyond chance, weighted by the squared distance in classes; 0 if there is only one class."""
    if len(np.unique(np.concatenate([classes, predicted]))) < 2:
        return 0.0
    return float(cohen_kappa_score(classes, predicted, labels=range(NUM_LABELS), weights="quadratic"))


def expected_calibration_error(probabilities: Floats, classes: Integers, bins: int = ECE_BINS) -> float:
    """Mean gap between confidence and accuracy over bins of equal width (Guo et al. 2017)."""
    which, confidence, right = _binned(probabilities, classes, bins)
    gaps = np.bincount(which, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(classes))


def _binned(probabilities: Floats, classes: Integers, bins: int) -> tuple[Integers, Floats, Floats]:
    """Return bin, confidence, and 1 if the most probable class is right, each [texts]."""
    confidence = probabilities.max(axis=1)
    right = (probabilities.argmax(axis=1) == classes).astype(np.float64)
    # Bins include their upper end, so that a confidence of 1 is in the last one.
    which = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    return which, confidence, right

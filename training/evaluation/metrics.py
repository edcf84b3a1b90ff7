"""Metrics of predicted distributions. Probabilities are [texts, labels] in class order, classes [texts].

Which figures there are depends on the labels: neighbours need an order, an error needs values, and two sides are those
of ratings.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score, f1_score

from model_core.labels import FILM_RATINGS, LabelSet

ECE_BINS: Final = 15
RESAMPLES: Final = 1_000

FIGURES: Final = ("accuracy", "binary_accuracy", "within_one", "macro_f1", "mae", "rmse", "qwk", "nll", "ece")
"""The figures of a set of texts, in the order in which they are written."""

_BOOTSTRAP_SEED = 20_11

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def text_metrics(probabilities: Floats, classes: Integers, labels: LabelSet = FILM_RATINGS) -> dict[str, float]:
    """All figures of one set of texts.

    ``within_one`` counts neighbouring classes, so 4 and 7 stars are neighbours. ``mae`` and ``rmse`` are errors of the
    expected value, so 4 and 7 are three apart. ``binary_accuracy`` is of the positive side. ``qwk`` is 0 if only one
    label occurs, which leaves it undefined.
    """
    predicted = probabilities.argmax(axis=1)
    each = contributions(probabilities, classes, labels)
    found = {figure: float(values.mean()) for figure, values in each.items()}
    every = range(len(labels))
    found["macro_f1"] = float(f1_score(classes, predicted, labels=every, average="macro", zero_division=0))
    if "mae" in each:
        found["rmse"] = float(np.sqrt((each["mae"] ** 2).mean()))
    if labels.is_ordered:
        found["qwk"] = quadratic_kappa(classes, predicted, len(labels))
    found["ece"] = expected_calibration_error(probabilities, classes)
    return {"reviews": len(classes), **{figure: found[figure] for figure in FIGURES if figure in found}}


def metrics_with_intervals(probabilities: Floats, classes: Integers, labels: LabelSet = FILM_RATINGS) -> dict[str, Any]:
    """All figures of one set of texts, and their ``bootstrap_intervals`` under ``intervals``."""
    intervals = bootstrap_intervals(probabilities, classes, labels)
    return {**text_metrics(probabilities, classes, labels), "intervals": intervals}


def expected_values(probabilities: Floats, labels: LabelSet) -> Floats:
    """Mean of each distribution [texts]. The labels must have values."""
    return np.asarray(probabilities @ np.array(labels.values, dtype=np.float64))


def contributions(probabilities: Floats, classes: Integers, labels: LabelSet = FILM_RATINGS) -> dict[str, Floats]:
    """Return the contribution of each text [texts] to the figures that are means over texts."""
    predicted = probabilities.argmax(axis=1)
    each = {"accuracy": (predicted == classes).astype(np.float64)}
    if (first := labels.first_positive) is not None:
        positive = probabilities[:, first:].sum(axis=1) > 0.5
        each["binary_accuracy"] = (positive == (classes >= first)).astype(np.float64)
    if labels.is_ordered:
        each["within_one"] = (np.abs(predicted - classes) <= 1).astype(np.float64)
    if labels.values is not None:
        each["mae"] = np.abs(expected_values(probabilities, labels) - np.array(labels.values)[classes])
    each["nll"] = -np.log(np.maximum(probabilities[np.arange(len(classes)), classes], 1e-12))
    return each


def bootstrap_intervals(
    probabilities: Floats, classes: Integers, labels: LabelSet = FILM_RATINGS
) -> dict[str, list[float]]:
    """95 % intervals, [low, high], of the figures that are means over texts.

    Percentiles over ``RESAMPLES`` draws of as many texts with replacement (Efron and Tibshirani 1993). The draws depend
    only on the number of texts, so two models on the same texts get the same draws.
    """
    each = contributions(probabilities, classes, labels)
    values = np.column_stack(list(each.values()))
    count = len(values)
    generator = np.random.default_rng(_BOOTSTRAP_SEED)
    # A mean needs only how often each text is drawn: one product per draw, and no copies of the texts.
    means = [
        np.bincount(generator.integers(count, size=count), minlength=count) @ values / count for _ in range(RESAMPLES)
    ]
    ends = np.percentile(means, (2.5, 97.5), axis=0)
    return {figure: ends[:, column].tolist() for column, figure in enumerate(each)}


def confusion(probabilities: Floats, classes: Integers) -> list[list[int]]:
    """Return counts of texts [labels, labels]: true classes by predicted classes."""
    labels = probabilities.shape[1]
    cells = classes * labels + probabilities.argmax(axis=1)
    counts: list[list[int]] = np.bincount(cells, minlength=labels**2).reshape(labels, labels).tolist()
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


def pooled_calibration(by_length: Mapping[str, Floats], classes: Integers) -> dict[str, Any]:
    """Calibration of the same texts at several lengths [texts, labels]: of each length, and of all predictions pooled.

    All lengths have the same weight in the pool. Gaps of opposite sign at two lengths can cancel out there, so each
    length has its own ECE too.
    """
    pool = np.concatenate(list(by_length.values()))
    pool_classes = np.tile(classes, len(by_length))
    return {
        "ece_all_prefixes": expected_calibration_error(pool, pool_classes),
        "ece_by_length": {
            length: expected_calibration_error(probabilities, classes) for length, probabilities in by_length.items()
        },
        "bins_all_prefixes": reliability(pool, pool_classes),
    }


def quadratic_kappa(classes: Integers, predicted: Integers, labels: int) -> float:
    """Agreement beyond chance, weighted by the squared distance in classes; 0 if there is only one class."""
    if len(np.unique(np.concatenate([classes, predicted]))) < 2:
        return 0.0
    return float(cohen_kappa_score(classes, predicted, labels=range(labels), weights="quadratic"))


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

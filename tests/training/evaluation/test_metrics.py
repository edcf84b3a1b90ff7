import numpy as np
import pytest

from model_core.labels import NUM_LABELS, STARS, LabelSet
from training.evaluation.metrics import (
    ECE_BINS,
    FIGURES,
    bootstrap_intervals,
    confusion,
    expected_calibration_error,
    metrics_with_intervals,
    pooled_calibration,
    reliability,
    text_metrics,
)


def classes(*stars: int) -> np.ndarray:
    return np.array([STARS.index(value) for value in stars])


def certain(*stars: int) -> np.ndarray:
    identity: np.ndarray = np.eye(NUM_LABELS)[classes(*stars)]
    return identity


def test_a_perfect_rating_has_perfect_figures() -> None:
    stars = STARS * 2
    figures = text_metrics(certain(*stars), classes(*stars))
    for name in ("accuracy", "binary_accuracy", "within_one", "macro_f1", "qwk"):
        assert figures[name] == pytest.approx(1), name
    for name in ("mae", "rmse", "nll", "ece"):
        assert figures[name] == pytest.approx(0), name
    assert figures["reviews"] == 16


def test_errors_are_measured_in_real_stars_and_neighbours_in_classes() -> None:
    figures = text_metrics(certain(7, 4, 1, 10), classes(4, 7, 10, 10))
    assert figures["accuracy"] == 0.25
    assert figures["within_one"] == 0.75
    assert figures["binary_accuracy"] == 0.25
    assert figures["mae"] == pytest.approx((3 + 3 + 9 + 0) / 4)
    assert figures["rmse"] == pytest.approx(((9 + 9 + 81) / 4) ** 0.5)


def test_figures_of_a_single_rating_are_numbers() -> None:
    figures = text_metrics(certain(8, 8), classes(8, 8))
    assert (figures["accuracy"], figures["qwk"]) == (1, 0)


def test_stars_are_positive_when_most_of_the_probability_is() -> None:
    # The single most probable class is 1 star, but seven and more are likelier together.
    rows = np.array([[0.4, 0, 0, 0, 0.15, 0.15, 0.15, 0.15]])
    assert text_metrics(rows, classes(8))["binary_accuracy"] == 1


def test_the_prior_has_the_entropy_of_the_classes_as_its_loss() -> None:
    rows = np.full((8, NUM_LABELS), 1 / NUM_LABELS)
    assert text_metrics(rows, classes(*STARS))["nll"] == pytest.approx(np.log(NUM_LABELS))


def test_calibration_compares_confidence_with_accuracy() -> None:
    rows = np.full((100, NUM_LABELS), 0.2 / 7)
    rows[:, 0] = 0.8
    right_as_often = np.array([0] * 80 + [1] * 20)
    assert expected_calibration_error(rows, right_as_often) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(rows, np.zeros(100, dtype=int)) == pytest.approx(0.2)
    assert expected_calibration_error(rows, np.ones(100, dtype=int)) == pytest.approx(0.8)


def random_predictions(count: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(5)
    return generator.dirichlet(np.ones(NUM_LABELS), count), generator.choice(NUM_LABELS, count)


def test_an_interval_holds_its_figure_and_is_as_wide_as_theory_says() -> None:
    rows, drawn = random_predictions(2_000)
    figures = text_metrics(rows, drawn)
    intervals = bootstrap_intervals(rows, drawn)
    assert set(intervals) == {"accuracy", "binary_accuracy", "within_one", "mae", "nll"}
    for figure, (low, high) in intervals.items():
        assert low < figures[figure] < high, figure
    low, high = intervals["accuracy"]
    expected = 2 * 1.96 * (figures["accuracy"] * (1 - figures["accuracy"]) / 2_000) ** 0.5
    assert high - low == pytest.approx(expected, rel=0.1)


def test_intervals_shrink_with_the_texts_and_are_always_the_same() -> None:
    rows, drawn = random_predictions(1_600)
    few, many = (bootstrap_intervals(rows[:count], drawn[:count])["nll"] for count in (100, 1_600))
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    assert bootstrap_intervals(rows, drawn) == bootstrap_intervals(rows, drawn)
    assert metrics_with_intervals(rows, drawn)["intervals"] == bootstrap_intervals(rows, drawn)


def test_confusion_has_a_row_for_each_true_rating() -> None:
    counts = np.array(confusion(certain(7, 7, 1, 10), classes(4, 4, 10, 10)))
    assert counts.shape == (NUM_LABELS, NUM_LABELS)
    assert counts[STARS.index(4), STARS.index(7)] == 2
    assert counts[STARS.index(10), STARS.index(1)] == counts[STARS.index(10), STARS.index(10)] == 1
    assert counts.sum() == 4


def test_the_bins_of_a_reliability_diagram_give_the_calibration_error() -> None:
    rows, drawn = random_predictions(500)
    bins = reliability(rows, drawn)
    assert len(bins["count"]) == len(bins["confidence"]) == len(bins["accuracy"]) == ECE_BINS
    error = sum(
        count * abs(accuracy - confidence) / 500
        for count, confidence, accuracy in zip(bins["count"], bins["confidence"], bins["accuracy"], strict=True)
        if count and accuracy is not None and confidence is not None
    )
    assert error == pytest.approx(expected_calibration_error(rows, drawn))


def test_an_empty_bin_has_no_means() -> None:
    bins = reliability(certain(1), np.array([0]))
    assert bins["count"] == [0] * (ECE_BINS - 1) + [1]
    assert bins["confidence"] == bins["accuracy"] == [None] * (ECE_BINS - 1) + [1.0]


def test_lengths_are_calibrated_each_and_as_one_pool() -> None:
    unsure = np.full((10, NUM_LABELS), 0.4 / 7)
    unsure[:, 0] = 0.6
    # At one length always right, at the other never: each is far off, and together they are nearly calibrated.
    calibration = pooled_calibration({"1": unsure, "2": unsure[:, ::-1]}, np.zeros(10, dtype=int))
    assert calibration["ece_by_length"] == {"1": pytest.approx(0.4), "2": pytest.approx(0.6)}
    assert calibration["ece_all_prefixes"] == pytest.approx(0.1)
    assert sum(calibration["bins_all_prefixes"]["count"]) == 20


def test_the_figures_are_those_that_the_labels_allow() -> None:
    rows, truth = np.eye(3)[[0, 1, 2, 2]], np.array([0, 1, 2, 0])
    nominal = text_metrics(rows, truth, LabelSet(("a", "b", "c")))
    assert list(nominal) == ["reviews", "accuracy", "macro_f1", "nll", "ece"]
    ordinal = text_metrics(rows, truth, LabelSet(("a", "b", "c"), "ordinal"))
    assert ordinal.keys() - nominal.keys() == {"within_one", "qwk"}
    valued = text_metrics(rows, truth, LabelSet(("1", "2", "5"), "ordinal", (1, 2, 5)))
    assert valued.keys() - ordinal.keys() == {"mae", "rmse"}
    assert valued["mae"] == 1
    assert list(text_metrics(np.eye(NUM_LABELS), np.arange(NUM_LABELS))) == ["reviews", *FIGURES]

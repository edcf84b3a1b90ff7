import numpy as np
import pytest

from model_core.labels import NUM_LABELS, STARS
from training.metrics import accuracy_interval, expected_calibration_error, rating_metrics


def certain(*stars: int) -> np.ndarray:
    return np.eye(NUM_LABELS)[[STARS.index(value) for value in stars]]


def test_a_perfect_rating_has_perfect_figures() -> None:
    stars = np.array(STARS * 2)
    figures = rating_metrics(certain(*stars.tolist()), stars)
    for name in ("accuracy", "binary_accuracy", "within_one", "macro_f1", "qwk"):
        assert figures[name] == pytest.approx(1), name
    for name in ("mae", "rmse", "nll", "ece"):
        assert figures[name] == pytest.approx(0), name
    assert figures["reviews"] == 16


def test_errors_are_measured_in_real_stars_and_neighbours_in_classes() -> None:
    figures = rating_metrics(certain(7, 4, 1, 10), np.array([4, 7, 10, 10]))
    assert figures["accuracy"] == 0.25
    assert figures["within_one"] == 0.75
    assert figures["binary_accuracy"] == 0.25
    assert figures["mae"] == pytest.approx((3 + 3 + 9 + 0) / 4)
    assert figures["rmse"] == pytest.approx(((9 + 9 + 81) / 4) ** 0.5)


def test_stars_are_positive_when_most_of_the_probability_is() -> None:
    # The single most probable class is 1 star, but seven and more are likelier together.
    rows = np.array([[0.4, 0, 0, 0, 0.15, 0.15, 0.15, 0.15]])
    assert rating_metrics(rows, np.array([8]))["binary_accuracy"] == 1


def test_the_prior_has_the_entropy_of_the_classes_as_its_loss() -> None:
    rows = np.full((8, NUM_LABELS), 1 / NUM_LABELS)
    assert rating_metrics(rows, np.array(STARS))["nll"] == pytest.approx(np.log(NUM_LABELS))


def test_calibration_compares_confidence_with_accuracy() -> None:
    rows = np.full((100, NUM_LABELS), 0.2 / 7)
    rows[:, 0] = 0.8
    right_as_often = np.array([0] * 80 + [1] * 20)
    assert expected_calibration_error(rows, right_as_often) == pytest.approx(0, abs=1e-12)
    assert expected_calibration_error(rows, np.zeros(100, dtype=int)) == pytest.approx(0.2)
    assert expected_calibration_error(rows, np.ones(100, dtype=int)) == pytest.approx(0.8)


def test_the_interval_of_an_accuracy_shrinks_with_the_texts() -> None:
    assert accuracy_interval(0.5, 25_000) == pytest.approx(0.0062, abs=1e-4)
    assert accuracy_interval(0.5, 100) > accuracy_interval(0.5, 1_000)

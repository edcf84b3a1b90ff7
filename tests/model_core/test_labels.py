import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_core import labels

TOLERANCE = 1e-9


@st.composite
def distributions(draw: st.DrawFn) -> tuple[float, ...]:
    weights = draw(st.lists(st.floats(0, 1), min_size=8, max_size=8).filter(lambda row: sum(row) > 1e-3))
    return tuple(weight / sum(weights) for weight in weights)


def test_there_are_eight_ratings_without_the_five_and_the_six() -> None:
    assert labels.STARS == (1, 2, 3, 4, 7, 8, 9, 10)
    assert labels.NUM_LABELS == 8


def test_the_tables_are_each_others_inverse() -> None:
    assert labels.ID2LABEL == {0: "1", 1: "2", 2: "3", 3: "4", 4: "7", 5: "8", 6: "9", 7: "10"}
    assert all(labels.LABEL2ID[label] == index for index, label in labels.ID2LABEL.items())
    assert all(labels.STARS[index] == stars for stars, index in labels.CLASS_OF_STARS.items())
    assert len(labels.LABEL2ID) == len(labels.CLASS_OF_STARS) == 8


def test_seven_stars_are_the_first_positive_class() -> None:
    assert labels.STARS[labels.FIRST_POSITIVE_CLASS] == 7


def test_expected_stars_are_the_mean() -> None:
    assert labels.expected_stars((0.5, 0, 0, 0, 0, 0, 0, 0.5)) == pytest.approx(5.5)
    assert labels.expected_stars((0, 0, 0, 1, 0, 0, 0, 0)) == pytest.approx(4)


def test_a_distribution_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        labels.expected_stars((0.5, 0.5))


def test_positive_is_the_probability_of_seven_stars_or_more() -> None:
    assert labels.positive_probability((0.1, 0.1, 0.1, 0.3, 0.1, 0.1, 0.1, 0.1)) == pytest.approx(0.4)


def test_the_interval_of_a_sure_rating_is_that_rating() -> None:
    assert labels.central_interval((0, 0, 0, 0, 0, 1, 0, 0)) == (8, 8)


def test_the_interval_leaves_a_tenth_out_on_either_side() -> None:
    assert labels.central_interval((0.05, 0.04, 0.2, 0.2, 0.2, 0.22, 0.05, 0.04)) == (3, 8)


def test_a_wider_coverage_gives_a_wider_interval() -> None:
    spread = (0.125,) * 8
    assert labels.central_interval(spread, coverage=0.5) == (2, 8)
    assert labels.central_interval(spread, coverage=0.99) == (1, 10)


@given(distributions())
def test_the_interval_keeps_its_promise_for_any_distribution(probabilities: tuple[float, ...]) -> None:
    low, high = labels.central_interval(probabilities)
    assert low <= high
    below = math.fsum(p for stars, p in zip(labels.STARS, probabilities, strict=True) if stars < low)
    above = math.fsum(p for stars, p in zip(labels.STARS, probabilities, strict=True) if stars > high)
    assert below <= 0.1 + TOLERANCE
    assert above <= 0.1 + TOLERANCE


@given(distributions())
def test_summaries_stay_in_their_range_for_any_distribution(probabilities: tuple[float, ...]) -> None:
    assert 1 - TOLERANCE <= labels.expected_stars(probabilities) <= 10 + TOLERANCE
    assert 0 <= labels.positive_probability(probabilities) <= 1


def test_the_film_ratings_have_a_positive_side_from_seven_stars() -> None:
    films = labels.FILM_RATINGS
    assert (films.names[0], films.values, films.first_positive) == ("1", labels.STARS, labels.FIRST_POSITIVE_CLASS)
    assert (len(films), films.is_ordered, films.label2id["10"]) == (8, True, 7)


def test_labels_without_a_scale_have_no_mean_and_no_side() -> None:
    kinds = labels.LabelSet(("person", "place", "number"))
    assert (kinds.is_ordered, kinds.first_positive) == (False, None)
    with pytest.raises(ValueError, match="no mean"):
        kinds.expected((0.5, 0.5, 0.0))


def test_labels_with_values_have_a_mean() -> None:
    grades = labels.LabelSet(("bad", "ok", "good"), "ordinal", (-1, 0, 2))
    assert grades.expected((0.5, 0.25, 0.25)) == 0
    assert (grades.is_ordered, grades.first_positive) == (True, None)


@pytest.mark.parametrize(
    ("names", "task", "values"),
    [
        (("one",), "nominal", None),
        (("same", "same"), "nominal", None),
        (("", "other"), "nominal", None),
        (("a", "b"), "some", None),
        (("a", "b"), "nominal", (1, 2)),
        (("a", "b"), "ratings", None),
        (("a", "b"), "ordinal", (2, 1)),
        (("a", "b"), "ordinal", (1, 2, 3)),
    ],
)
def test_labels_that_contradict_each_other_are_refused(names: Any, task: Any, values: Any) -> None:
    with pytest.raises(ValueError, match=r"label|task|values"):
        labels.LabelSet(names, task, values)

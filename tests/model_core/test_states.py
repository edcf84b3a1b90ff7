import pytest
from pydantic import ValidationError

from model_core.labels import NUM_LABELS
from model_core.states import DEFAULT_STATES, State, StateThresholds, information, state_of

PRIOR = (1 / NUM_LABELS,) * NUM_LABELS


def two_sided(positive: float) -> tuple[float, ...]:
    """All the probability on 4 and 7 stars, which is far from the prior."""
    return (0.0, 0.0, 0.0, 1 - positive, positive, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("positive", "state"),
    [(0.5, "either_way"), (0.59, "either_way"), (0.41, "either_way"), (0.65, "leans"), (0.35, "leans"),
     (0.81, "says"), (0.19, "says"), (1.0, "says"), (0.0, "says")],
)  # fmt: skip
def test_the_likelier_side_decides_between_either_way_leans_and_says(positive: float, state: State) -> None:
    assert state_of(two_sided(positive), PRIOR, DEFAULT_STATES, legible=1.0) == state


def test_what_cannot_be_read_is_unreadable_however_sure_the_model_is() -> None:
    assert state_of(two_sided(1.0), PRIOR, DEFAULT_STATES, legible=0.49) == "unreadable"


def test_what_is_not_clearly_legible_has_no_opinion_however_sure_the_model_is() -> None:
    assert state_of(two_sided(1.0), PRIOR, DEFAULT_STATES, legible=0.95) == "no_opinion"
    assert state_of(two_sided(1.0), PRIOR, DEFAULT_STATES, legible=0.96) == "says"


def test_where_it_is_not_known_how_legible_a_text_is_it_counts_as_read() -> None:
    assert state_of(two_sided(1.0), PRIOR, DEFAULT_STATES, legible=None) == "says"


def test_a_rating_like_the_prior_holds_no_opinion_and_an_empty_text_has_none() -> None:
    assert state_of(PRIOR, PRIOR, DEFAULT_STATES, legible=1.0) == "no_opinion"
    assert state_of(two_sided(1.0), PRIOR, DEFAULT_STATES, legible=0.0, is_prior=True) == "no_opinion"


def test_information_grows_from_nothing_to_the_logarithm_of_the_labels() -> None:
    assert information(PRIOR, PRIOR) == pytest.approx(0)
    assert information((1.0, *(0.0,) * 7), PRIOR) == pytest.approx(2.0794, abs=1e-4)


def test_thresholds_may_be_set_otherwise() -> None:
    strict = StateThresholds(legible=0.9, clearly_legible=0.9, information=3.0, either_way=0.7, says=0.95)
    assert state_of(two_sided(1.0), PRIOR, strict, legible=0.8) == "unreadable"
    assert state_of(two_sided(1.0), PRIOR, strict, legible=1.0) == "no_opinion"


@pytest.mark.parametrize(
    "wrong",
    [
        {"legible": 1.1},
        {"clearly_legible": -0.1},
        {"information": -0.1},
        {"either_way": 0.4},
        {"either_way": 0.9, "says": 0.8},
    ],
)
def test_thresholds_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        StateThresholds(**wrong)

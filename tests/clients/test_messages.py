"""Client and server have the same definition of the protocol."""

import json
from dataclasses import asdict

import pytest
from starcast_client.messages import LABELS, SUBPROTOCOL, ModelChanged, Prediction, Session, States, parse

import live.messages.protocol
from live.limits import Limits
from live.messages.protocol import rating_fields as rating_of
from live.messages.server import model_changed, session_created
from model_core.fake import FAKE_INFO
from model_core.labels import STARS, LabelSet
from model_core.states import DEFAULT_STATES
from tests.clients.fake_server import GREETING, prediction
from tests.labelled import LABEL_SETS, labelled


def test_labels_and_version_are_those_of_the_server() -> None:
    assert (LABELS, SUBPROTOCOL) == (STARS, live.messages.protocol.SUBPROTOCOL)
    assert tuple(GREETING["labels"]) == STARS


def test_a_rating_has_the_state_and_the_legibility_that_the_server_sent() -> None:
    read = parse(json.dumps(prediction(1, legible=0.02, state="unreadable")))
    assert isinstance(read, Prediction)
    assert (read.of("Ein Film").legible, read.of("Ein Film").state) == (0.02, "unreadable")


def test_an_older_server_sends_neither_state_nor_thresholds() -> None:
    read, greeting = parse(json.dumps(prediction(1))), parse(json.dumps(GREETING))
    assert isinstance(read, Prediction)
    assert isinstance(greeting, Session)
    assert (read.of("A film").legible, read.of("A film").state, greeting.states) == (None, None, States())


def test_the_thresholds_are_those_of_the_server() -> None:
    greeting = parse(json.dumps(GREETING | {"states": asdict(DEFAULT_STATES)}))
    assert isinstance(greeting, Session)
    assert asdict(greeting.states) == asdict(DEFAULT_STATES)


def test_an_unknown_type_is_nothing() -> None:
    assert parse('{"type": "weather"}') is None


@pytest.mark.parametrize(
    "frame",
    ["", "1", "null", "[]", "{}", '{"type": "error"}', '{"type": "prediction", "seq": 1}', '{"type": "explanation"}'],
)
def test_a_malformed_frame_is_a_value_error(frame: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has words of its own
        parse(frame)


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_a_model_with_other_labels_is_read_with_their_names_and_values(labels: LabelSet) -> None:
    classifier = labelled(labels)
    greeting = parse(session_created("", classifier.info, Limits()).encode())
    changed = parse(model_changed(classifier.info).encode())
    assert isinstance(greeting, Session)
    assert isinstance(changed, ModelChanged)
    for read in (greeting, changed):
        assert (read.labels, read.values, read.prior) == (labels.names, labels.values, classifier.info.prior)
        assert read.model.name == classifier.info.name
    films = parse(model_changed(FAKE_INFO).encode())
    assert isinstance(films, ModelChanged)
    assert (films.labels, films.values) == (STARS, STARS)


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=LABEL_SETS)
def test_a_rating_by_other_labels_has_what_they_have_and_no_stars(labels: LabelSet) -> None:
    (found,) = labelled(labels).classify(["A fine text"])
    timing = {"timing_ms": {"queue": 0, "inference": 0}, "model_version": "1"}
    message = {"type": "prediction", "seq": 1, "is_final": False, "skipped": 0, **timing, **rating_of(found)}
    read = parse(json.dumps(message))
    assert isinstance(read, Prediction)
    rating = read.of("A fine text", labels.names)
    assert (rating.label, rating.probabilities) == (found.label, found.probabilities)
    if labels.values is not None:
        assert (rating.expected_value, rating.interval) == (found.expected_value, found.interval)
    else:
        assert (rating.expected_value, rating.interval, rating.positive) == (None, None, None)
    with pytest.raises(TypeError, match=f"does not rate films.*{found.label}"):
        _ = rating.stars

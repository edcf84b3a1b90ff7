"""Client and server have the same definition of the protocol."""

import json
from dataclasses import asdict

import pytest
from starcast_client.messages import LABELS, SUBPROTOCOL, OtherLabels, Prediction, Session, States, parse

import live.messages.protocol
from live.limits import Limits
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
def test_a_model_with_other_labels_is_refused_by_their_names(labels: LabelSet) -> None:
    info = labelled(labels).info
    for message in (session_created("", info, Limits()), model_changed(info)):
        with pytest.raises(OtherLabels, match=f"not film ratings: {', '.join(labels.names)}"):
            parse(message.encode())
    assert parse(model_changed(FAKE_INFO).encode()) is None

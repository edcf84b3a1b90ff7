"""What the client knows of the protocol is what the server knows of it."""

import pytest
from starcast_client.messages import LABELS, SUBPROTOCOL, parse

import live.messages.protocol
from model_core.labels import STARS
from tests.clients.fake_server import GREETING


def test_labels_and_version_are_those_of_the_server() -> None:
    assert (LABELS, SUBPROTOCOL) == (STARS, live.messages.protocol.SUBPROTOCOL)
    assert tuple(GREETING["labels"]) == STARS


def test_an_unknown_type_is_nothing() -> None:
    assert parse('{"type": "weather"}') is None


@pytest.mark.parametrize(
    "frame",
    ["", "1", "null", "[]", "{}", '{"type": "error"}', '{"type": "prediction", "seq": 1}', '{"type": "explanation"}'],
)
def test_what_is_malformed_is_a_value_error(frame: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has words of its own
        parse(frame)

"""Errors of validation, as clients read them over WebSocket and HTTP."""

import json
from typing import Any

import pytest
from django.test import AsyncClient
from hypothesis import given
from hypothesis import strategies as st

from live.limits import Limits
from live.messages.client import parse_client_message
from live.messages.protocol import ProtocolError
from model_core.fake import FakeClassifier

GIVEN = {"text": "A fine film", "stars": 8, "consent": True}
VALUES: st.SearchStrategy[Any] = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=3)),
    *(st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2)),
)
FRAMES = st.builds(
    lambda kind, fields: {"type": kind, **fields},
    st.sampled_from(["text.update", "flush", "explain", "session.update", "ping", "room.open"]),
    st.dictionaries(st.sampled_from(["seq", "text", "session", "id", "secret"]), VALUES)
    | st.fixed_dictionaries({"session": st.fixed_dictionaries({"min_interval_ms": VALUES})}),
)


def message_of(frame: dict[str, Any]) -> str:
    with pytest.raises(ProtocolError) as refused:
        parse_client_message(json.dumps(frame), Limits())
    assert refused.value.code == "bad_request"
    return refused.value.message


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"type": "text.update", "text": "a"}, "seq is missing"),
        ({"type": "text.update", "text": "a", "seq": "1"}, "seq must be a whole number"),
        ({"type": "text.update", "text": "a", "seq": 1.5}, "seq must be a whole number"),
        ({"type": "text.update", "text": "a", "seq": -1}, "seq must be 0 or more"),
        ({"type": "text.update", "text": "a", "seq": 2**60}, "seq must be 9007199254740991 or less"),
        ({"type": "text.update", "text": 7, "seq": 1}, "text must be a string"),
        ({"type": "session.update", "session": 7}, "session must be an object"),
        ({"type": "ping", "id": "a" * 200}, "id is too long: 128 at the most"),
        ({"type": "room.open", "secret": "a"}, "secret must match ^[A-Za-z0-9_-]{43}$"),
    ],
)
def test_a_frame_is_refused_in_words_of_our_own(frame: dict[str, Any], message: str) -> None:
    assert message_of(frame) == message


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("predict", [], "the message must be an object"),
        ("predict", {}, "text is missing"),
        ("predict", {"texts": []}, "texts is too short: 1 at the least"),
        ("predict", {"texts": ["a"] * 65}, "texts is too long: 64 at the most"),
        ("predict", {"texts": ["a", 7]}, "texts.1 must be a string"),
        ("predict", {"texts": 7}, "texts must be a list"),
        ("predict", {"text": "a", "texts": ["a"]}, 'send "text" or "texts", not both'),
        ("explain", 7, "the message must be an object"),
        ("feedback", {**GIVEN, "stars": 5}, "stars must be 1, 2, 3, 4, 7, 8, 9 or 10"),
        ("feedback", {**GIVEN, "consent": False}, "consent must be true"),
        ("feedback", {**GIVEN, "text": " "}, r"text must match \S"),
    ],
)
async def test_a_request_is_refused_in_the_same_words(fake: FakeClassifier, path: str, body: Any, message: str) -> None:
    response = await AsyncClient().post(f"/api/v1/{path}", data=json.dumps(body), content_type="application/json")
    assert (response.status_code, response.json()["error"]["message"]) == (400, message)


@given(frame=FRAMES)
def test_there_are_words_for_all_that_may_be_wrong_with_a_frame(frame: dict[str, Any]) -> None:
    message = ""
    try:
        parse_client_message(json.dumps(frame), Limits())
    except ProtocolError as error:
        message = error.message
    assert "not as it is described" not in message

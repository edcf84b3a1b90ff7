"""Parsing, checking and encoding of messages."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.limits import Limits
from live.messages.client import Ping, TextUpdate, parse_client_message
from live.messages.protocol import MAX_SEQ, ProtocolError, error_body, load_json

LIMITS = Limits(max_message_bytes=2_000, max_chars=500)


def update(seq: object = 1, text: object = "fine") -> str:
    return json.dumps({"type": "text.update", "seq": seq, "text": text}, ensure_ascii=False)


def test_a_text_update_is_parsed() -> None:
    assert parse_client_message(update(7, "A fine film"), LIMITS) == TextUpdate(
        type="text.update", seq=7, text="A fine film"
    )


def test_unknown_fields_are_ignored() -> None:
    message = parse_client_message('{"type":"ping","id":"a","colour":{"deep":[1]}}', LIMITS)
    assert message == Ping(type="ping", id="a")


@pytest.mark.parametrize(
    "frame",
    ["", " ", "{", "hello", "[" * 900, '{"type":"ping","x":' + "[" * 800 + "]" * 800 + "}", "1" * 1_990, "\x00"],
    ids=lambda frame: frame[:12],
)
def test_a_frame_that_is_not_json_is_bad_json(frame: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(frame, LIMITS)
    # 1,990 digits are a number that fits; it is no message all the same.
    assert caught.value.code == ("bad_request" if frame.startswith("11") else "bad_json")


def test_an_integer_of_5000_digits_is_bad_json() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(update(0).replace(" 0", "1" * 5_000), Limits())
    assert caught.value.code == "bad_json"


@pytest.mark.parametrize("filler", ["[],", "[[[]]],", "{},", "1,", '"",', '{"a":""},', " ", '"\\\\",', '"\\"",'])
def test_many_values_are_refused_before_they_are_parsed(filler: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        load_json(f'{{"type":"ping","x":[{filler * 5_000}1]}}')
    assert caught.value.code == "bad_json"


@pytest.mark.parametrize("text", ["[]{},: " * 2_000, '"' * 9_000, "\\" * 9_000, '\\"' * 5_000, "\n" * 9_000])
def test_what_looks_like_structure_in_a_text_is_text(text: str) -> None:
    assert load_json(update(1, text))["text"] == text
    assert load_json(json.dumps({"texts": [text] * 64}, indent=8)) == {"texts": [text] * 64}


@pytest.mark.parametrize("frame", ["null", "1", '"text"', "[]", "true", "NaN", "1e999"])
def test_a_frame_that_is_not_an_object_is_a_bad_request(frame: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(frame, LIMITS)
    assert caught.value.code == "bad_request"


@pytest.mark.parametrize("seq", ["true", "1.0", "1.5", "-1", "NaN", "1e999", "null", '"1"', str(MAX_SEQ + 1), "[]"])
def test_seq_must_be_a_whole_number_that_json_keeps_exact(seq: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(f'{{"type":"text.update","text":"a","seq":{seq}}}', LIMITS)
    assert (caught.value.code, caught.value.param) == ("bad_request", "seq")


@pytest.mark.parametrize("text", [None, 1, [], {"a": 1}, True])
def test_text_must_be_a_string_and_the_error_names_the_seq(text: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(update(5, text), LIMITS)
    assert (caught.value.code, caught.value.param, caught.value.seq) == ("bad_request", "text", 5)


def test_only_a_text_update_is_answered_by_its_seq() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_client_message('{"type":"ping","id":5,"seq":99}', LIMITS)
    assert (caught.value.code, caught.value.seq) == ("bad_request", None)


@pytest.mark.parametrize("kind", ['"text.Update"', "null", "[]", "{}", "7"])
def test_an_unknown_type_says_which_types_there_are(kind: str) -> None:
    with pytest.raises(ProtocolError, match=r"text\.update") as caught:
        parse_client_message(f'{{"type":{kind}}}', LIMITS)
    assert caught.value.code == "unknown_type"


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    message = parse_client_message('{"type":"text.update","seq":1,"text":"a\\ud800b \\ud83d\\ude00 \\udc00"}', LIMITS)
    assert isinstance(message, TextUpdate)
    assert message.text == "a�b 😀 �"


def test_a_message_is_measured_in_bytes_and_a_text_in_characters() -> None:
    assert parse_client_message(update(1, "é" * 500), LIMITS)
    with pytest.raises(ProtocolError) as too_long:
        parse_client_message(update(3, "a" * 501), LIMITS)
    assert (too_long.value.code, too_long.value.seq) == ("text_too_long", 3)
    frame = json.dumps({"type": "ping", "pad": "€" * 700}, ensure_ascii=False)
    assert len(frame) < LIMITS.max_message_bytes < len(frame.encode())
    with pytest.raises(ProtocolError) as too_large:
        parse_client_message(frame, LIMITS)
    assert too_large.value.code == "too_large"


@pytest.mark.parametrize(("most_bytes", "code"), [(65_536, "too_large"), (2_000_000, "text_too_long")])
def test_a_megabyte_of_text_is_refused_within_50_ms(most_bytes: int, code: str) -> None:
    frame, limits = update(1, "a" * 1_000_000), Limits(max_message_bytes=most_bytes, max_frame_bytes=2_000_000)
    since = time.thread_time()
    with pytest.raises(ProtocolError) as caught:
        parse_client_message(frame, limits)
    assert time.thread_time() - since < 0.05, "which is a few, and others do not count"
    assert caught.value.code == code


@given(st.text() | st.from_regex(r'\{"type": ?"(text\.update|flush|ping)".{0,60}\}?', fullmatch=True))
def test_any_frame_is_a_message_or_a_protocol_error(frame: str) -> None:
    # Any other exception fails the test.
    with contextlib.suppress(ProtocolError):
        assert parse_client_message(frame, LIMITS).type in frame


def test_errors_say_whether_trying_again_may_help() -> None:
    assert error_body(ProtocolError("overloaded", "busy")).retryable
    assert not error_body(ProtocolError("bad_json", "no")).retryable

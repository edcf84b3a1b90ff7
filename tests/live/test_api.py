"""The HTTP twin, in the process."""

import json
from typing import Any

import pytest
from django.test import AsyncClient

from model_core.fake import FakeClassifier

PATH = "/api/v1/predict"


async def post(body: Any) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body)
    response = await AsyncClient().post(PATH, data=data, content_type="application/json")
    return response.status_code, json.loads(response.content)


async def test_a_text_is_rated_with_the_fields_of_the_websocket(fake: FakeClassifier) -> None:
    status, rating = await post({"text": "A fine film"})
    assert status == 200
    assert rating["probabilities"] == list(fake.classify(["A fine film"])[0].probabilities)
    assert rating.keys() == {
        "probabilities", "stars", "expected_stars", "interval", "positive", "tokens", "truncated", "is_prior",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b"\xff", 400, "bad_json"),
        (b"[" * 1_000, 400, "bad_json"),
        ([], 400, "bad_request"),
        ({}, 400, "bad_request"),
        ({"text": 7}, 400, "bad_request"),
        ({"text": "a" * 20_001}, 413, "text_too_long"),
        ({"text": "a" * 70_000}, 413, "too_large"),
        ({"text": "a" * 3_000_000}, 413, "too_large"),
    ],
)
async def test_bad_input_gets_the_error_object(fake: FakeClassifier, body: Any, status: int, code: str) -> None:
    answered, content = await post(body)
    assert (answered, content["error"]["code"], content["error"]["retryable"]) == (status, code, False)


async def test_a_lone_surrogate_is_replaced(fake: FakeClassifier) -> None:
    assert (await post(b'{"text": "half an emoji \\ud83d"}'))[0] == 200


async def test_a_failing_model_is_an_internal_error_without_a_traceback(fake: FakeClassifier) -> None:
    fake.fail_on = "bad"
    status, content = await post({"text": "a bad text"})
    assert (status, content["error"]["code"]) == (500, "internal")


async def test_no_model_is_unavailable(no_model: None) -> None:
    status, content = await post({"text": "fine"})
    assert (status, content["error"]["code"], content["error"]["retryable"]) == (503, "model_unavailable", True)


async def test_only_post_is_taken(fake: FakeClassifier) -> None:
    assert (await AsyncClient().get(PATH)).status_code == 405

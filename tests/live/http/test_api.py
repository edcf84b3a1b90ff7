"""The HTTP API, without a server process."""

import asyncio
import json
import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from live.access.admissions import Admissions
from live.access.token_buckets import TokenBucket
from live.limits import get_limits
from live.messages.server import session_created
from live.serving.process_engine import get_engine
from model_core.engine import Engine
from model_core.errors import ModelUnavailable, Overloaded
from model_core.fake import FAKE_INFO
from tests.classifiers import ControlledClassifier
from tests.communicators import WebsocketCommunicator

PATH = "/api/v1/predict"
EXPLAIN = "/api/v1/explain"


async def post(body: Any, path: str = PATH) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body)
    response = await AsyncClient().post(path, data=data, content_type="application/json")
    return response.status_code, json.loads(response.content)


async def test_a_text_is_rated_with_the_fields_of_the_websocket(fake: ControlledClassifier) -> None:
    status, rating = await post({"text": "A fine film"})
    assert status == 200
    assert rating["probabilities"] == list(fake.classify(["A fine film"])[0].probabilities)
    assert rating.keys() == {
        "probabilities", "label", "stars", "expected_stars", "expected_value", "interval", "positive", "tokens",
            "truncated", "is_prior", "legible", "state", "model_version", "task", "classes",
    }  # fmt: skip
    assert rating["task"] == "ratings"
    assert [(each["id"], each["name"], each["value"]) for each in rating["classes"]][-2:] == [
        (6, "9", 9),
        (7, "10", 10),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "bad_json"),
        (b"{", 400, "bad_json"),
        (b"\xff", 400, "bad_json"),
        (b'{"text": "caf\xe9"}', 400, "bad_json"),
        ('{"text": "fine"}'.encode("utf-16"), 400, "bad_json"),
        (b"[" * 1_000, 400, "bad_json"),
        ([], 400, "bad_request"),
        ({}, 400, "bad_request"),
        ({"text": 7}, 400, "bad_request"),
        ({"text": "a" * 20_001}, 413, "text_too_long"),
        ({"text": "a" * 70_000}, 413, "text_too_long"),
        ({"text": "a" * 3_000_000}, 413, "too_large"),
        ({"texts": []}, 400, "bad_request"),
        ({"texts": ["a"] * 65}, 400, "bad_request"),
        ({"texts": ["a", 7]}, 400, "bad_request"),
        ({"text": "a", "texts": ["b"]}, 400, "bad_request"),
    ],
)
async def test_bad_input_gets_the_error_object(fake: ControlledClassifier, body: Any, status: int, code: str) -> None:
    answered, content = await post(body)
    assert (answered, content["error"]["code"], content["error"]["retryable"]) == (status, code, False)


async def test_a_text_among_many_keeps_when_to_come_back(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*_: object, **__: object) -> None:
        raise Overloaded("busy", 9)

    monkeypatch.setattr("model_core.engine.Engine.classify", busy)
    (busy_text,) = (await post({"texts": ["fine"]}))[1]["results"]
    assert busy_text["error"]["retry_after_ms"] == 9_000


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf_8", "us-ascii", "ASCII"])
async def test_json_may_say_that_it_is_utf_8(fake: ControlledClassifier, charset: str) -> None:
    kind = f"application/json; charset={charset}"
    assert (await AsyncClient().post(PATH, data=b'{"text": "fine"}', content_type=kind)).status_code == 200


async def test_a_lone_surrogate_is_replaced(fake: ControlledClassifier) -> None:
    assert (await post(b'{"text": "half an emoji \\ud83d"}'))[0] == 200


@pytest.mark.parametrize(
    ("charset", "status"),
    [("utf-8", 200), ('"UTF-8"', 200), ("us-ascii", 200), ("utf-7", 415), ("hz", 415), ("none-such", 415)],
)
async def test_text_in_a_foreign_charset_is_refused_and_not_rated_as_other_letters(
    fake: ControlledClassifier, charset: str, status: int
) -> None:
    body, content_type = '{"text": "tr+AOg-s"}', f"application/json; charset={charset}"
    for path in (PATH, f"{PATH}/batch", EXPLAIN):
        sent = body if path != f"{PATH}/batch" else '{"texts": ["tr+AOg-s"]}'
        response = await AsyncClient().generic("POST", path, sent, content_type)
        assert response.status_code == status


async def test_a_failing_model_is_an_internal_error_without_a_traceback(fake: ControlledClassifier) -> None:
    fake.fail_on = "bad"
    status, content = await post({"text": "a bad text"})
    assert (status, content["error"]["code"]) == (500, "internal")


async def test_no_model_is_unavailable(no_model: None) -> None:
    status, content = await post({"text": "fine"})
    assert (status, content["error"]["code"], content["error"]["retryable"]) == (503, "model_unavailable", True)


@pytest.mark.parametrize(
    ("error", "status", "names"),
    [
        (Overloaded("busy", 9), 503, []),
        (ModelUnavailable("late"), 503, []),
        (RuntimeError("a mistake"), 500, ["live.http.api", "django.request"]),
    ],
)
@pytest.mark.parametrize("path", [PATH, EXPLAIN])
async def test_a_failure_is_logged_and_a_refusal_is_not(
    fake: ControlledClassifier,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
    error: Exception,
    status: int,
    names: list[str],
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(get_engine(), "classify", fail)
    assert (await post({"text": "fine"}, path))[0] == status
    assert [record.name for record in caplog.records if record.levelno >= logging.WARNING] == names


async def test_other_methods_and_paths_get_the_error_object_too(fake: ControlledClassifier) -> None:
    client = AsyncClient(enforce_csrf_checks=True)
    for response, status, code in (
        (await client.get(PATH), 405, "method_not_allowed"),
        (await client.post("/api/openapi.json"), 405, "method_not_allowed"),
        (await client.get("/api/v1/none"), 404, "not_found"),
        (await client.get("/api/"), 404, "not_found"),
        (await client.post(PATH, data="text=A", content_type="text/plain"), 415, "unsupported_media_type"),
        *[
            (
                await client.post(PATH, data=b"{}", content_type=f"application/json; charset={charset}"),
                415,
                "unsupported_media_type",
            )
            for charset in ("utf-7", "hz", "latin-1")
        ],
    ):
        assert (response.status_code, json.loads(response.content)["error"]["code"]) == (status, code)
    assert (await client.get(PATH))["Allow"] == "POST"


async def test_an_unforeseen_failure_shows_no_traceback(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.http.api.check_length", lambda *_: 1 / 0)
    status, content = await post({"text": "fine"})
    assert (status, content["error"]["code"]) == (500, "internal")
    assert "ZeroDivision" not in str(content)


async def test_the_field_at_fault_is_named(fake: ControlledClassifier) -> None:
    assert (await post({"text": 7}))[1]["error"]["param"] == "text"
    assert (await post({"texts": ["a", 7]}))[1]["error"]["param"] == "texts.1"


@pytest.mark.parametrize("path", [PATH, f"{PATH}/batch"])
async def test_many_texts_get_a_rating_or_an_error_each_in_their_order(fake: ControlledClassifier, path: str) -> None:
    fake.fail_on = "bad"
    status, content = await post({"texts": ["A fine film", "a bad text", "a" * 20_001, "", "\ud83d half"]}, path)
    assert status == 200
    fine, bad, long, empty, half = content["results"]
    assert fine["probabilities"] == list(fake.classify(["A fine film"])[0].probabilities)
    assert bad["error"] == {"code": "internal", "message": "the model failed on this text", "retryable": True}
    assert (long["error"]["code"], long["error"]["param"]) == ("text_too_long", "texts.2")
    assert empty["is_prior"]
    assert half["tokens"] == 2


async def test_a_key_is_rated_before_many_texts_that_came_first(fake: ControlledClassifier) -> None:
    fake.gate = threading.Event()
    many = asyncio.create_task(post({"texts": [f"text {number}" for number in range(64)]}))
    await asyncio.to_thread(fake.asked.acquire)
    key = asyncio.create_task(get_engine().classify("key"))
    await asyncio.sleep(0)
    fake.gate.set()
    await key
    assert not many.done()
    assert (await many)[0] == 200
    assert fake.batches[1] == ["key"]


@pytest.fixture
def still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No bucket refills, however long a busy machine takes between two requests."""
    monkeypatch.setattr("live.access.token_buckets.time", SimpleNamespace(monotonic=lambda: 0.0))


@pytest.mark.usefixtures("still_clock")
async def test_each_text_costs_its_work_and_beyond_the_rate_one_is_told_when_to_come_back(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 56, "address_factor": 5}
    monkeypatch.setattr("live.http.charging.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s, burst)))
    assert (await post({"texts": ["a"] * 8}))[0] == 200
    assert (await post({"text": "a"}))[0] == 200
    assert (await post({"text": "a"}))[0] == 200
    response = await AsyncClient().post(PATH, data='{"text": "a"}', content_type="application/json")
    assert (response.status_code, json.loads(response.content)["error"]["code"]) == (429, "rate_limited")
    error = json.loads(response.content)["error"]
    assert response["Retry-After"] == "1"
    assert error["retry_after_ms"] == 1_000 * 2 / 5


@pytest.mark.usefixtures("still_clock")
async def test_who_asks_for_much_is_told_when_there_will_be_enough(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 500, "address_factor": 1}
    monkeypatch.setattr("live.http.charging.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s, burst)))
    assert (await post({"texts": ["a"] * 20}))[0] == 200
    response = await AsyncClient().post(EXPLAIN, data='{"text": "a"}', content_type="application/json")
    assert response.status_code == 429
    assert int(response["Retry-After"]) == 250 - (500 - 350 - 30)
    # It cost no more than a request.
    assert (await post({"texts": ["a"] * 2}))[0] == 200


async def test_an_explanation_can_be_had_for_a_burst_smaller_than_its_price(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 200, "address_factor": 1}
    monkeypatch.setattr(
        "live.http.charging.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    )
    assert (await post({"text": "a"}, EXPLAIN))[0] == 200
    assert (await post({"text": "a"}))[0] == 429


async def test_keys_cannot_be_tried_faster_than_anything_else(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 90, "address_factor": 1}
    monkeypatch.setattr(
        "live.http.charging.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    )
    looked_up = []

    async def look_up(key: str) -> None:
        looked_up.append(key)

    monkeypatch.setattr("live.access.authentication.find_key", look_up)
    statuses = [
        (await AsyncClient().get("/api/v1/model", headers={"Authorization": f"Bearer sc_{number}"})).status_code
        for number in range(5)
    ]
    assert statuses == [401, 401, 401, 429, 429]
    assert len(looked_up) == 3


def test_addresses_of_one_network_of_ipv6_share_their_rate(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 70, "address_factor": 1}
    monkeypatch.setattr(
        "live.http.charging.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    )
    statuses = [
        Client(REMOTE_ADDR=address).post(PATH, '{"text": "a"}', content_type="application/json").status_code
        for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1")
    ]
    assert statuses == [200, 429, 200]


async def test_the_model_is_described_as_in_the_greeting_of_a_socket(
    fake: ControlledClassifier, socket: WebsocketCommunicator
) -> None:
    described = json.loads((await AsyncClient().get("/api/v1/model")).content)
    greeting = session_created("", FAKE_INFO, get_limits()).model_dump(mode="json")
    for field in ("labels", "task", "classes", "prior", "model", "offset_unit"):
        assert described[field] == greeting[field]
    assert described["limits"].items() > greeting["limits"].items()
    assert described["limits"]["max_texts"] == 64


async def test_an_explanation_is_the_one_of_the_websocket(
    fake: ControlledClassifier, socket: WebsocketCommunicator
) -> None:
    text = "A fine film. But 🎬 so long!"
    await socket.send_json_to({"type": "text.update", "seq": 1, "text": text})
    await socket.send_json_to({"type": "explain", "seq": 1})
    assert (await socket.receive_json_from())["type"] == "prediction"
    explanation = await socket.receive_json_from()
    del explanation["type"], explanation["seq"], explanation["partial"]
    status, answer = await post({"text": text}, EXPLAIN)
    of_model = {name: answer.pop(name) for name in ("model_version", "task", "classes")}
    assert (status, answer) == (200, explanation)
    rating = (await post({"text": text}))[1]
    assert of_model == {name: rating[name] for name in of_model}
    assert [text[span["begin"] : span["end"]] for span in explanation["spans"][:2]] == ["A fine film.", "A"]


async def test_an_empty_text_has_no_parts_to_explain(fake: ControlledClassifier) -> None:
    status, explanation = await post({"text": ""}, EXPLAIN)
    assert (status, explanation["spans"]) == (200, [])


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        ({}, 400, "bad_request"),
        ({"text": 7}, 400, "bad_request"),
        ({"texts": ["a"]}, 400, "bad_request"),
        ({"text": "a" * 20_001}, 413, "text_too_long"),
        ({"text": "a" * 3_000_000}, 413, "too_large"),
    ],
)
async def test_what_cannot_be_explained_gets_the_error_object(
    fake: ControlledClassifier, body: Any, status: int, code: str
) -> None:
    answered, content = await post(body, EXPLAIN)
    assert (answered, content["error"]["code"]) == (status, code)


async def test_a_model_that_fails_on_a_part_is_an_internal_error(fake: ControlledClassifier) -> None:
    fake.fail_on = ", "  # Tokens, not the text.
    status, content = await post({"text": "A good fine film"}, EXPLAIN)
    assert (status, content["error"]["code"]) == (500, "internal")


async def test_an_explanation_is_given_up_after_a_time(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Engine, "background_deadline_s", 0.05)
    fake.gate = threading.Event()
    status, content = await post({"text": "A fine film"}, EXPLAIN)
    fake.gate.set()
    assert (status, content["error"]["code"], content["error"]["retryable"]) == (503, "model_unavailable", True)


async def test_a_key_is_rated_before_the_rest_of_an_explanation(fake: ControlledClassifier) -> None:
    fake.gate = threading.Event()
    explanation = asyncio.create_task(post({"text": "A fine film"}, EXPLAIN))
    await asyncio.to_thread(fake.asked.acquire)
    key = asyncio.create_task(get_engine().classify("key"))
    await asyncio.sleep(0)
    fake.gate.set()
    await key
    assert (await explanation)[0] == 200
    assert fake.batches[:2] == [["A fine film"], ["key"]]


async def test_an_explanation_has_a_price_of_its_own(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 530, "address_factor": 1}
    monkeypatch.setattr(
        "live.http.charging.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    )
    assert (await post({"text": "a"}, EXPLAIN))[0] == 200
    assert (await post({"text": "a"}))[0] == 200
    assert (await post({"text": "a"}, EXPLAIN))[0] == 429


async def test_a_page_of_elsewhere_reads_ratings_with_a_listed_origin_and_refusals_without(
    fake: ControlledClassifier, settings: Settings
) -> None:
    settings.STARCAST_ORIGINS = ["https://friend.example"]
    for origin, status in (("https://friend.example", 200), ("https://stranger.example", 403)):
        response = await AsyncClient().post(
            PATH, data='{"text":"A film."}', content_type="application/json", headers={"Origin": origin}
        )
        assert (response.status_code, response["Access-Control-Allow-Origin"]) == (status, "*")
        assert "Access-Control-Allow-Credentials" not in response


async def test_a_browser_may_ask_beforehand_whether_a_page_may_call(fake: ControlledClassifier) -> None:
    response = await AsyncClient().options(
        PATH,
        headers={
            "Origin": "https://friend.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        },
    )
    assert response.status_code == 200
    assert {"authorization", "content-type"} <= set(response["Access-Control-Allow-Headers"].split(", "))

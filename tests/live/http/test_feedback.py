"""Feedback over HTTP: stored with consent, refused with a reason, and never a delay for ratings."""

import json
import sqlite3
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import OperationalError
from django.test import AsyncClient, Client
from django.utils import timezone
from pytest_django.fixtures import Settings
from websockets.sync.client import connect

import live.http.feedback
from live.access.admissions import admissions
from live.http.feedback_room import FeedbackRoom, expire
from live.models import Feedback
from model_core.fake import FAKE_INFO, FakeClassifier
from model_core.labels import STARS
from tools.servers import RunningServer

STORED = {"text": "old", "stars": 8, "model_stars": 8, "expected_stars": 8.0, "probabilities": [], "model_version": "1"}
PATH = "/api/v1/feedback"
GIVEN = {"text": "A <script>fine</script> film 🎬", "stars": 8, "consent": True, "language": "en"}


@pytest.fixture(autouse=True)
def new_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has its own database."""
    monkeypatch.setattr(live.http.feedback, "feedback_room", FeedbackRoom())


async def post(body: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    response = await AsyncClient().post(PATH, data=json.dumps(body), content_type="application/json", headers=headers)
    return response.status_code, json.loads(response.content)


@pytest.mark.django_db(transaction=True)
async def test_it_is_kept_with_what_the_model_said(fake: FakeClassifier) -> None:
    status, reply = await post(GIVEN)
    (rating,) = fake.classify([str(GIVEN["text"])])
    assert (status, reply) == (
        200,
        {"stored": True, "stars": 8, "model_stars": rating.stars, "model_version": FAKE_INFO.version},
    )
    record = await Feedback.objects.aget()
    assert (record.text, record.stars, record.language) == (GIVEN["text"], 8, "en")
    assert (record.model_stars, record.expected_stars) == (rating.stars, rating.expected_stars)
    assert record.probabilities == list(rating.probabilities)
    assert record.model_version == FAKE_INFO.version


@pytest.mark.django_db(transaction=True)
async def test_every_rating_of_the_page_may_be_given(fake: FakeClassifier) -> None:
    for stars in STARS:
        assert (await post({**GIVEN, "stars": stars}))[0] == 200
    assert await Feedback.objects.acount() == len(STARS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"consent": False}, "bad_request", "consent"),
        ({"consent": None}, "bad_request", "consent"),
        ({"stars": 5}, "bad_request", "stars"),
        ({"stars": "8"}, "bad_request", "stars"),
        ({"stars": True}, "bad_request", "stars"),
        ({"stars": 8.0}, "bad_request", "stars"),
        ({"consent": 1}, "bad_request", "consent"),
        ({"text": " \n"}, "bad_request", "text"),
        ({"text": 7}, "bad_request", "text"),
        ({"text": "a" * 20_001}, "text_too_long", "text"),
        ({"language": "<script>"}, "bad_request", "language"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_kept(
    fake: FakeClassifier, change: dict[str, Any], code: str, param: str
) -> None:
    status, content = await post({**GIVEN, **change})
    assert status in (400, 413)
    assert (content["error"]["code"], content["error"]["param"]) == (code, param)
    assert not await Feedback.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_without_the_word_of_consent_nothing_is_kept(fake: FakeClassifier) -> None:
    status, content = await post({"text": "A fine film", "stars": 8})
    assert (status, content["error"]["param"]) == (400, "consent")
    assert not await Feedback.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_a_page_of_another_origin_cannot_leave_any(fake: FakeClassifier) -> None:
    status, content = await post(GIVEN, origin="https://evil.example")
    assert (status, content["error"]["code"]) == (403, "origin_refused")
    assert not await Feedback.objects.aexists()


@pytest.mark.django_db(transaction=True)
async def test_it_spends_the_rate_of_its_address(fake: FakeClassifier, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 100, "address_factor": 5}
    admissions._buckets.clear()
    assert [(await post(GIVEN))[0] for _ in range(3)] == [200, 429, 429]
    admissions._buckets.clear()


@pytest.mark.django_db(transaction=True)
def test_an_address_has_a_daily_share_and_others_have_theirs(fake: FakeClassifier, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_feedback_per_day": 2}

    def give(address: str) -> Any:
        return Client(REMOTE_ADDR=address).post(PATH, json.dumps(GIVEN), content_type="application/json")

    assert [give("203.0.113.7").status_code for _ in range(2)] == [200, 200]
    refused = give("203.0.113.7")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert 0 < refused.json()["error"]["retry_after_ms"] <= 86_400_000 / 2
    assert give("203.0.113.8").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("limits", [{"max_feedback": 2}, {"max_feedback_mb": 0}, {"max_feedback": 0}])
async def test_feedback_without_end_is_refused_and_texts_are_rated(
    fake: FakeClassifier, settings: Settings, limits: dict[str, int]
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, **limits}
    possible = 2 if limits == {"max_feedback": 2} else 0
    answers = [await post(GIVEN) for _ in range(3)]
    assert [status for status, _ in answers] == [200] * possible + [503] * (3 - possible)
    assert answers[-1][1]["error"]["code"] == "storage_unavailable"
    assert await Feedback.objects.acount() == possible
    rated = await AsyncClient().post("/api/v1/predict", data='{"text":"A fine film"}', content_type="application/json")
    assert rated.status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_what_other_processes_stored_counts_too(fake: FakeClassifier, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_feedback_mb": 1}
    await Feedback.objects.acreate(**STORED, size=999_990)
    assert (await post(GIVEN))[0] == 503
    assert (await post({**GIVEN, "text": "short"}))[0] == 200


@pytest.mark.django_db(transaction=True)
def test_feedback_is_deleted_after_its_days() -> None:
    for days in (0, 29, 31):
        Feedback.objects.create(**STORED, created=timezone.now() - timedelta(days=days))
    expire(0)
    assert Feedback.objects.count() == 3
    expire(30)
    assert Feedback.objects.count() == 2


@pytest.mark.django_db(transaction=True)
async def test_a_nul_is_kept_as_a_mark_in_its_place(fake: FakeClassifier) -> None:
    assert (await post({**GIVEN, "text": "a\0b"}))[0] == 200
    assert (await Feedback.objects.aget()).text == "a\ufffdb"


@pytest.mark.django_db(transaction=True)
async def test_a_full_disk_is_said_and_the_text_is_in_no_log(
    fake: FakeClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(Feedback, "save", fail)
    status, content = await post(GIVEN)
    assert (status, content["error"]["code"], content["error"]["retryable"]) == (503, "storage_unavailable", True)
    assert [record.message for record in caplog.records] == ["feedback could not be stored: database or disk is full"]
    assert "script" not in caplog.text


def test_while_the_database_is_locked_it_is_refused_and_texts_are_rated(fake_server: RunningServer) -> None:
    blocker = sqlite3.connect(fake_server.log.parent / "starcast.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with connect(fake_server.ws, proxy=None) as typist, httpx.Client(trust_env=False, timeout=60) as client:
            assert json.loads(typist.recv())["type"] == "session.created"
            refused = client.post(f"{fake_server.http}{PATH}", json=GIVEN)
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_unavailable")
            typist.send('{"type":"text.update","seq":1,"text":"A fine film"}')
            assert json.loads(typist.recv())["seq"] == 1
            blocker.execute("ROLLBACK")
            assert client.post(f"{fake_server.http}{PATH}", json=GIVEN).status_code == 200
    finally:
        blocker.close()
    assert "fine" not in fake_server.logged()

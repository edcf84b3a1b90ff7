"""Feedback over HTTP: stored with consent, refused with a reason, and never a delay for ratings."""

import json
import sqlite3
from typing import Any

import httpx
import pytest
from django.db import OperationalError
from django.test import AsyncClient
from pytest_django.fixtures import Settings
from websockets.sync.client import connect

from live.access.admissions import admissions
from live.models import Feedback
from model_core.fake import FAKE_INFO, FakeClassifier
from model_core.labels import STARS
from tools.servers import RunningServer

PATH = "/api/v1/feedback"
GIVEN = {"text": "A <script>fine</script> film 🎬", "stars": 8, "consent": True, "language": "en"}


async def post(body: dict[str, Any], **headers: str) -> tuple[int, dict[str, Any]]:
    response = await AsyncClient().post(PATH, data=json.dumps(body), content_type="application/json", headers=headers)
    return response.status_code, json.loads(response.content)


@pytest.mark.django_db(transaction=True)
async def test_it_is_kept_with_what_the_model_said(fake: FakeClassifier) -> None:
    status, reply = await post(GIVEN)
    (rating,) = fake.classify([str(GIVEN["text"])])
    assert (status, reply) == (200, {"stored": True, "stars": 8, "model_stars": rating.stars})
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
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "messages_per_s": 1, "burst": 20, "address_factor": 5}
    admissions._buckets.clear()
    assert [(await post(GIVEN))[0] for _ in range(3)] == [200, 429, 429]
    admissions._buckets.clear()


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

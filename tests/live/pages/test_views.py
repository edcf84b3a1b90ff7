"""The page and the health checks, in the process."""

import asyncio
import json
import threading

import pytest
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from live.serving.process_engine import get_engine
from model_core.fake import FakeClassifier
from model_core.labels import STARS


def test_the_page_has_a_meter_for_each_rating_before_any_script_runs() -> None:
    html = Client().get("/").content.decode()
    for stars in STARS:
        assert f'data-stars="{stars}"' in html
    assert html.count('role="meter"') == len(STARS)


def test_the_page_allows_no_inline_code_and_no_frame() -> None:
    response = Client().get("/")
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    html = response.content.decode()
    assert "<script>" not in html
    assert "style=" not in html
    assert " on" + "click=" not in html


async def test_healthz_answers_without_a_model() -> None:
    response = await AsyncClient().get("/healthz")
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "ok"})


async def test_readyz_runs_the_model(fake: FakeClassifier) -> None:
    response = await AsyncClient().get("/readyz")
    assert response.status_code == 200
    assert json.loads(response.content)["model"] == {"name": "fake", "version": "0"}
    assert len(fake.batches) == 1


async def test_readyz_turns_503_when_the_model_hangs(fake: FakeClassifier, settings: Settings) -> None:
    settings.STARCAST_ENGINE = {**settings.STARCAST_ENGINE, "deadline_ms": 30}
    fake.gate = threading.Event()
    response = await AsyncClient().get("/readyz")
    fake.gate.set()
    assert response.status_code == 503
    assert json.loads(response.content)["status"] == "unavailable"


async def test_readyz_is_200_when_the_model_is_alive_and_busy(fake: FakeClassifier, settings: Settings) -> None:
    settings.STARCAST_ENGINE = {**settings.STARCAST_ENGINE, "max_waiting": 1}
    fake.gate = threading.Event()
    engine = get_engine()
    texts = [asyncio.create_task(engine.classify("taken"))]
    assert await asyncio.to_thread(fake.asked.acquire, timeout=10)
    texts.append(asyncio.create_task(engine.classify("waits")))
    await asyncio.sleep(0)
    response = await AsyncClient().get("/readyz")
    fake.gate.set()
    await asyncio.gather(*texts)
    assert response.status_code == 200
    assert json.loads(response.content) == {"status": "busy", "model": {"name": "fake", "version": "0"}}


def test_a_foreign_host_is_refused_but_for_health_checks(fake: FakeClassifier) -> None:
    client = Client(SERVER_NAME="10.0.0.7")
    assert client.get("/").status_code == 400
    assert client.get("/api/v1/model").status_code == 400
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/", "/admin/login/"])
def test_pages_may_not_be_read_from_elsewhere(path: str) -> None:
    response = Client().get(path, headers={"Origin": "https://friend.example"})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response

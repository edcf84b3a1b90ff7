"""The health checks, in the process."""

import asyncio
import json
import threading

from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

from live.serving.process_engine import get_engine
from tests.classifiers import ControlledClassifier


async def test_healthz_answers_without_a_model() -> None:
    response = await AsyncClient().get("/healthz")
    assert (response.status_code, json.loads(response.content)) == (200, {"status": "ok"})


async def test_readyz_runs_the_model(fake: ControlledClassifier) -> None:
    response = await AsyncClient().get("/readyz")
    assert response.status_code == 200
    assert json.loads(response.content)["model"] == {"name": "fake", "version": "0"}
    assert len(fake.batches) == 1


async def test_readyz_turns_503_when_the_model_hangs(fake: ControlledClassifier, settings: Settings) -> None:
    settings.STARCAST_ENGINE = {**settings.STARCAST_ENGINE, "deadline_ms": 30}
    fake.gate = threading.Event()
    response = await AsyncClient().get("/readyz")
    fake.gate.set()
    assert response.status_code == 503
    assert json.loads(response.content)["status"] == "unavailable"


async def test_readyz_is_200_when_the_model_is_alive_and_busy(fake: ControlledClassifier, settings: Settings) -> None:
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


def test_a_foreign_host_is_refused_but_for_health_checks(fake: ControlledClassifier) -> None:
    client = Client(SERVER_NAME="10.0.0.7")
    assert client.get("/").status_code == 400
    assert client.get("/api/v1/model").status_code == 400
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200

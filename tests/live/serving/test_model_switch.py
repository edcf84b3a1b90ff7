"""Switching the model while a client types."""

import asyncio
import gc
import itertools
import shutil
import threading
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError

import live.serving.process_engine
from live.models import ModelChoice
from live.monitoring.metrics import sample
from live.serving import model_switch
from live.serving.model_choice import load_choice, newest_choice
from live.serving.model_switch import ModelWatch
from live.serving.process_engine import Serving, get_classifier, get_serving
from model_core.checkpoint import GOLDEN_FILE, TOKENIZER_FILE, sha256_of
from model_core.loading import load_classifier
from model_core.tasks import stop
from project.asgi import application
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH

pytestmark = pytest.mark.django_db(transaction=True)

REVIEW = "the film was a great plot of good and awful a movie and great "


async def choose(folder: Path | None) -> None:
    name, digest = ("", "") if folder is None else (folder.name, sha256_of(folder / "config.json"))
    await database_sync_to_async(ModelChoice.objects.create)(name=name, digest=digest)


@pytest.fixture
async def socket(models: Path) -> AsyncIterator[WebsocketCommunicator]:
    communicator = WebsocketCommunicator(application, CLASSIFY_PATH, subprotocols=["starcast.v1"])
    assert (await communicator.connect())[0]
    assert (await communicator.receive_json_from())["model"]["version"] == "1"
    yield communicator
    await communicator.disconnect()
    await live.serving.process_engine.get_engine().close()


async def answer(socket: WebsocketCommunicator, seq: int, text: str) -> dict[str, Any]:
    await socket.send_json_to({"type": "text.update", "seq": seq, "text": text})
    message: dict[str, Any] = await socket.receive_json_from(timeout=30)
    assert (message["type"], message["seq"]) == ("prediction", seq)
    return message


async def test_a_socket_that_types_goes_on_by_the_new_model_and_back(
    models: Path, socket: WebsocketCommunicator
) -> None:
    two, watch = models / "checkpoints" / "two", ModelWatch()
    versions: list[str] = []
    for number, chosen in enumerate((None, two, None)):
        await choose(chosen)
        looking = asyncio.create_task(watch.look())
        for length in range(1, len(REVIEW)):
            text = REVIEW[:length]
            prediction = await answer(socket, 1000 * number + length, text)
            versions.append(prediction["model_version"])
        await looking
        last = await answer(socket, 1000 * number + 999, text)
        served = load_classifier(two if chosen else models / "shipped" / "one", threads=1)
        [alone] = served.classify([text])
        # What the model before kept of this text would show here.
        assert np.abs(np.subtract(last["probabilities"], alone.probabilities)).max() < 1e-2
        assert last["model_version"] == served.info.version
    changes = [later for earlier, later in itertools.pairwise(versions) if earlier != later]
    assert changes in (["2", "1"], ["2"])
    assert len(versions) == 3 * (len(REVIEW) - 1), "no text was lost"


async def test_the_model_before_is_freed_with_its_threads(models: Path, socket: WebsocketCommunicator) -> None:
    await answer(socket, 1, REVIEW)
    before = weakref.ref(get_classifier())
    await choose(models / "checkpoints" / "two")
    await ModelWatch().look()
    gc.collect()
    assert before() is None
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("starcast-")]
    assert len([name for name in threads if name.startswith("starcast-model")]) <= 1
    assert (await answer(socket, 2, REVIEW))["model_version"] == "2"
    info = get_classifier().info
    labels = {"name": info.name, "version": "2", "sha256": info.sha256, "backend": "onnx"}
    assert sample("starcast_model_info", **labels) == 1
    assert sample("starcast_model_info", **{**labels, "version": "1"}) == 0


@pytest.mark.parametrize("fault", ["gone", "damaged", "wrong answers", "another of the same name"])
async def test_a_bad_one_is_refused_once_in_one_line_and_the_one_before_goes_on(
    models: Path, socket: WebsocketCommunicator, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    two, watch = models / "checkpoints" / "two", ModelWatch()
    await choose(two)
    if fault == "gone":
        shutil.rmtree(two)
    elif fault == "damaged":
        (two / TOKENIZER_FILE).write_text("{}")
    elif fault == "wrong answers":
        shutil.copyfile(models / "shipped" / "one" / GOLDEN_FILE, two / GOLDEN_FILE)
    else:
        with (two / "config.json").open("a") as config:
            config.write("\n")
    refused = sample("starcast_model_switches_total", outcome="refused")
    for _ in range(3):
        await watch.look()
    [record] = [record for record in caplog.records if record.name == "live.serving.model_switch"]
    assert "refused, the current one stays" in record.message
    assert len(record.message.splitlines()) == 1
    assert sample("starcast_model_switches_total", outcome="refused") == refused + 1
    assert (await answer(socket, 1, REVIEW))["model_version"] == "1"


async def test_a_switch_that_fails_is_tried_again_and_its_failure_is_said_once(
    models: Path, socket: WebsocketCommunicator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True] * 3)

    def sometimes(choice: ModelChoice) -> Serving:
        if next(failures, False):
            raise OSError("the disk was told to fail")
        return load_choice(choice)

    monkeypatch.setattr(model_switch, "load_choice", sometimes)
    monkeypatch.setattr(model_switch, "_POLL_S", 0.001)
    await choose(models / "checkpoints" / "two")
    running = asyncio.create_task(ModelWatch().run())
    seq = 0
    async with asyncio.timeout(60):
        while (await answer(socket, seq, REVIEW))["model_version"] != "2":
            seq += 1
    await stop(running)
    # The thread of the database may still be at a look, and the database is emptied next.
    await database_sync_to_async(lambda: None)()
    assert len([record for record in caplog.records if "looking for another model failed" in record.message]) == 1


async def test_what_answers_already_is_not_loaded_again(models: Path, socket: WebsocketCommunicator) -> None:
    serving, watch = get_serving(), ModelWatch()
    for chosen in (models / "shipped" / "one", None):
        await choose(chosen)
        await watch.look()
        assert get_serving() is serving


async def test_a_database_that_is_away_is_said_once_and_asked_again(
    models: Path, socket: WebsocketCommunicator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([True] * 5)

    def sometimes() -> ModelChoice | None:
        if next(failures, False):
            raise OperationalError("database is locked")
        return newest_choice()

    monkeypatch.setattr(model_switch, "newest_choice", sometimes)
    monkeypatch.setattr(model_switch, "_POLL_S", 0.001)
    await choose(models / "checkpoints" / "two")
    running = asyncio.create_task(ModelWatch().run())
    seq = 0
    async with asyncio.timeout(60):
        while (await answer(socket, seq, REVIEW))["model_version"] != "2":
            seq += 1
    running.cancel()
    assert len([record for record in caplog.records if "cannot read which model" in record.message]) == 1

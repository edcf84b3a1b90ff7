"""Metrics after known traffic."""

import asyncio
import threading

from django.test import AsyncClient
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings

from live.monitoring.metrics import REGISTRY, note_close, sample
from live.serving.process_engine import get_engine
from live.watching.room import rooms
from tests.classifiers import ControlledClassifier
from tests.communicators import WebsocketCommunicator

TOKEN = "t" * 32


async def page(client: AsyncClient) -> str:
    response = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    return str(response.content.decode())


class Since:
    """How far samples have gone since this was made."""

    def __init__(self) -> None:
        self._before = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, /, **labels: str) -> float:
        return sample(name, **labels) - self._before.get((name, *sorted(labels.items())), 0.0)


async def test_texts_answers_batches_and_errors_are_counted(socket: WebsocketCommunicator) -> None:
    since = Since()
    for seq in (1, 2, 3):
        await socket.send_json_to({"type": "text.update", "seq": seq, "text": f"text {seq}"})
        assert (await socket.receive_json_from())["seq"] == seq
    await socket.send_json_to({"type": "flush", "seq": 3})
    assert (await socket.receive_json_from())["is_final"]
    await socket.send_to(text_data="{")
    await socket.send_json_to({"type": "text.update", "seq": 3, "text": "late"})
    codes = [(await socket.receive_json_from())["error"]["code"] for _ in range(2)]
    assert codes == ["bad_json", "seq_not_increasing"]
    assert since("starcast_texts_total") == 3
    assert since("starcast_keystroke_to_answer_seconds_count") == 3, "an answer to a flush is no answer to a key"
    assert 0 < since("starcast_keystroke_to_answer_seconds_sum") < 60
    assert since("starcast_queue_seconds_count", work="foreground") == 3
    assert since("starcast_inference_seconds_count", work="foreground") == 3
    assert since("starcast_batch_texts_sum", work="foreground") == 3
    assert since("starcast_batch_texts_count", work="background") == 0
    assert since("starcast_errors_total", transport="websocket", code="bad_json") == 1
    assert since("starcast_errors_total", transport="websocket", code="seq_not_increasing") == 1
    assert since("starcast_errors_total", transport="websocket", code="internal") == 0
    assert sample("starcast_connections") == 1


async def test_waiting_and_skipped_texts_are_counted(fake: ControlledClassifier, socket: WebsocketCommunicator) -> None:
    since = Since()
    fake.gate = threading.Event()
    for seq in (1, 2, 3):
        await socket.send_json_to({"type": "text.update", "seq": seq, "text": f"text {seq}"})
    await socket.send_json_to({"type": "ping"})
    assert (await socket.receive_json_from())["type"] == "pong"
    assert get_engine().busy_s > 0
    assert sample("starcast_model_busy_seconds") > 0
    assert since("starcast_skipped_texts_total") == 1
    fake.gate.set()
    assert [(await socket.receive_json_from())["seq"] for _ in range(2)] == [1, 3]
    assert (sample("starcast_waiting_texts"), sample("starcast_model_busy_seconds")) == (0, 0)
    assert since("starcast_keystroke_to_answer_seconds_count") == 2


async def test_a_pause_that_the_client_asked_for_is_no_delay(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"type": "session.update", "session": {"min_interval_ms": 300}})
    await socket.receive_json_from()
    since = Since()
    for seq in (1, 2):
        await socket.send_json_to({"type": "text.update", "seq": seq, "text": f"text {seq}"})
        assert (await socket.receive_json_from())["seq"] == seq
    assert since("starcast_keystroke_to_answer_seconds_count") == 2
    assert since("starcast_keystroke_to_answer_seconds_sum") < 0.3


async def test_requests_over_http_are_counted_by_route_and_their_errors_by_code(fake: ControlledClassifier) -> None:
    since, client = Since(), AsyncClient()
    await client.post("/api/v1/predict", {"text": "A fine film"}, content_type="application/json")
    await client.post("/api/v1/predict", "{", content_type="application/json")
    await client.get("/anything/at/all")
    labels = {"route": "api/v1/predict", "method": "POST"}
    assert since("starcast_http_request_seconds_count", status="200", **labels) == 1
    assert since("starcast_http_request_seconds_count", status="400", **labels) == 1
    assert since("starcast_http_request_seconds_count", route="other", method="GET", status="404") == 1
    assert since("starcast_errors_total", transport="http", code="bad_json") == 1


async def test_the_model_is_named(fake: ControlledClassifier) -> None:
    info = get_engine().info
    labels = {"name": info.name, "version": info.version, "sha256": info.sha256, "backend": info.backend}
    assert sample("starcast_model_info", **labels) == 1


def test_close_codes_that_clients_make_up_are_no_series_of_their_own() -> None:
    since = Since()
    for code in (1000, None, 3000, 3001, 4999):
        note_close(by_server=False, code=code)
    assert since("starcast_closes_total", by="client", code="1000") == 1
    assert since("starcast_closes_total", by="client", code="1006") == 1
    assert since("starcast_closes_total", by="client", code="other") == 3


async def test_without_a_token_in_the_settings_there_is_no_page(settings: Settings) -> None:
    settings.STARCAST_METRICS_TOKEN = ""
    for headers in ({}, {"Authorization": "Bearer "}, {"Authorization": "Bearer None"}):
        assert (await AsyncClient().get("/metrics", headers=headers)).status_code == 404


async def test_the_page_needs_the_token(settings: Settings) -> None:
    settings.STARCAST_METRICS_TOKEN = TOKEN
    for presented in (None, TOKEN, "Bearer", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", "Bearer é"):
        headers = {"Authorization": presented} if presented else {}
        response = await AsyncClient().get("/metrics", headers=headers)
        assert (response.status_code, response.content) == (401, b"")
    families = {family.name for family in text_string_to_metric_families(await page(AsyncClient()))}
    assert {"starcast_texts", "process_resident_memory_bytes", "python_info", "python_gc_collections"} <= families


async def test_the_page_holds_nothing_of_texts_and_keys(socket: WebsocketCommunicator, settings: Settings) -> None:
    settings.STARCAST_METRICS_TOKEN = TOKEN
    await socket.send_json_to({"type": "text.update", "seq": 1, "text": "Xyzzymarker film"})
    await socket.receive_json_from()
    client = AsyncClient()
    await client.post("/api/v1/predict", {"text": "Xyzzymarker"}, content_type="application/json")
    await client.get("/Xyzzymarker?text=Xyzzymarker", headers={"Authorization": "Bearer sc_Xyzzymarker"})
    await client.generic("XYZZYMARKER", "/")
    shown = await page(client)
    assert "starcast_texts_total" in shown
    assert "xyzzymarker" not in shown.lower()
    assert TOKEN not in shown


async def test_rooms_are_counted_while_they_are_open(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"type": "room.open"})
    assert (await socket.receive_json_from())["type"] == "room.opened"
    assert (sample("starcast_rooms"), sample("starcast_watchers")) == (1, 0)
    [room] = rooms._rooms.values()
    await socket.send_json_to({"type": "room.close"})
    while (await socket.receive_json_from())["type"] != "room.closed":
        pass
    assert room._task is not None
    await asyncio.wait([room._task])  # It says goodbye to those who watch.
    assert sample("starcast_rooms") == 0

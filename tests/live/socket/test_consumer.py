"""The consumer without a server: greeting, refusing, answering, closing."""

import asyncio
import gc
import json
import threading
from collections import Counter
from types import SimpleNamespace

import pytest
from pytest_django.fixtures import Settings

import live.serving.process_engine
from live.access.admissions import Admissions, admissions
from live.access.prices import BYTES_PER_UNIT, MESSAGE
from live.access.token_buckets import TokenBucket
from live.connections.idle import IdleTimer
from live.connections.open_sockets import live_sockets
from live.messages.client import TextUpdate
from live.socket.consumer import ClassifyConsumer
from live.socket.explaining import Explaining
from live.socket.session import TypingSession
from live.watching.sharing import Sharing
from model_core.cache import EncoderCache
from model_core.errors import Overloaded
from model_core.labels import STARS
from project.asgi import application
from tests.classifiers import ControlledClassifier
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH
from tests.timing import PATIENCE_S

LOCALHOST = (b"host", b"localhost:8000")


def connection(
    path: str = CLASSIFY_PATH, origin: bytes | None = None, subprotocols: list[str] | None = None
) -> WebsocketCommunicator:
    headers = [LOCALHOST, *([(b"origin", origin)] if origin is not None else [])]
    return WebsocketCommunicator(application, path, headers=headers, subprotocols=subprotocols)


async def refusal(communicator: WebsocketCommunicator) -> tuple[str, int]:
    """Connect, and return the code of the error and of the close that follows."""
    connected, _ = await communicator.connect()
    assert connected, "a refusal must be visible: accepted first"
    error = await communicator.receive_json_from()
    assert error["type"] == "error"
    closed = await communicator.receive_output()
    assert closed["type"] == "websocket.close"
    await communicator.disconnect()
    return error["error"]["code"], closed["code"]


async def test_a_client_is_greeted_with_all_it_must_know(fake: ControlledClassifier) -> None:
    communicator = connection(subprotocols=["chat", "starcast.v1"])
    assert await communicator.connect() == (True, "starcast.v1")
    greeting = await communicator.receive_json_from()
    assert greeting["type"] == "session.created"
    assert greeting["labels"] == list(STARS)
    assert len(greeting["prior"]) == len(STARS)
    assert greeting["model"]["name"] == "fake"
    assert greeting["limits"]["max_chars"] == 20_000
    assert greeting["session_id"]
    await communicator.disconnect()


async def test_a_client_that_offers_no_subprotocol_gets_none(fake: ControlledClassifier) -> None:
    communicator = connection()
    assert await communicator.connect() == (True, None)
    await communicator.disconnect()


async def test_a_client_that_offers_other_versions_alone_is_told_so(fake: ControlledClassifier) -> None:
    assert await refusal(connection(subprotocols=["starcast.v2"])) == ("version_not_offered", 4512)


@pytest.mark.parametrize("origin", [b"https://evil.example", b"http://[", b"null"])
async def test_a_foreign_or_malformed_origin_is_refused(fake: ControlledClassifier, origin: bytes) -> None:
    assert await refusal(connection(origin=origin)) == ("origin_refused", 4520)
    assert len(admissions) == 0


async def test_the_own_origin_is_welcome(fake: ControlledClassifier) -> None:
    communicator = connection(origin=b"http://localhost:8000")
    assert (await communicator.connect())[0]
    assert (await communicator.receive_json_from())["type"] == "session.created"
    await communicator.disconnect()


async def test_an_unknown_path_is_refused_in_words(fake: ControlledClassifier) -> None:
    assert await refusal(connection("/ws/v9/else/")) == ("unknown_path", 4521)


async def test_a_connection_to_an_unknown_path_costs_and_counts_like_any_other(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {
        **settings.STARCAST_LIMITS,
        "work_per_s": 1,
        "work_burst": 60,
        "address_factor": 1,
        "max_connections_per_address": 1,
    }
    mine = Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    monkeypatch.setattr("live.connections.consumer.admissions", mine)
    lingering = connection("/ws/v9/else/")
    await lingering.connect()
    assert (await lingering.receive_json_from())["error"]["code"] == "unknown_path"
    assert len(mine) == 1
    assert await refusal(connection("/ws/v9/else/")) == ("server_full", 4010)
    await lingering.disconnect()
    assert len(mine) == 0
    assert await refusal(connection("/ws/v9/else/")) == ("unknown_path", 4521)
    assert await refusal(connection("/ws/v9/else/")) == ("rate_limited", 4008)


async def test_one_connection_too_many_is_refused_and_there_is_room_again(
    fake: ControlledClassifier, settings: Settings
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_connections": 1}
    first = connection()
    await first.connect()
    await first.receive_json_from()
    assert await refusal(connection()) == ("server_full", 4010)
    await first.disconnect()
    again = connection()
    await again.connect()
    assert (await again.receive_json_from())["type"] == "session.created"
    await again.disconnect()


async def test_without_a_model_the_client_is_told_and_may_come_back(no_model: None) -> None:
    assert await refusal(connection()) == ("model_unavailable", 4000)
    assert len(admissions) == 0


async def test_a_text_is_answered_with_everything_the_protocol_promises(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"type": "text.update", "seq": 17, "text": "A fine film"})
    prediction = await socket.receive_json_from()
    assert prediction["type"] == "prediction"
    assert (prediction["seq"], prediction["skipped"], prediction["is_final"]) == (17, 0, False)
    assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-9)
    assert prediction["stars"] == STARS[prediction["probabilities"].index(max(prediction["probabilities"]))]
    assert prediction["interval"][0] <= prediction["expected_stars"] <= prediction["interval"][1]
    assert 0 <= prediction["positive"] <= 1
    assert (prediction["tokens"], prediction["truncated"], prediction["is_prior"]) == (3, False, False)
    assert prediction["timing_ms"].keys() == {"queue", "inference"}
    assert prediction["model_version"] == "0"


@pytest.mark.parametrize("text", ["", "  \n\t "])
async def test_nothing_typed_yet_is_answered_by_the_prior_and_marked_so(
    socket: WebsocketCommunicator, text: str
) -> None:
    await socket.send_json_to({"type": "text.update", "seq": 0, "text": text})
    prediction = await socket.receive_json_from()
    assert (prediction["is_prior"], prediction["tokens"]) == (True, 0)


async def test_an_error_leaves_the_connection_open_and_the_next_text_is_answered(
    socket: WebsocketCommunicator,
) -> None:
    await socket.send_to(bytes_data=b"\x00\x01")
    assert (await socket.receive_json_from())["error"]["code"] == "binary_not_supported"
    await socket.send_json_to({"type": "text.update", "seq": 3, "text": "still here"})
    assert (await socket.receive_json_from())["seq"] == 3


async def test_a_text_refused_for_its_length_counts_as_answered(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"type": "text.update", "seq": 3, "text": "a" * 20_001})
    error = (await socket.receive_json_from())["error"]
    assert (error["code"], error["seq"], error["param"]) == ("text_too_long", 3, "text")
    await socket.send_json_to({"type": "text.update", "seq": 3, "text": "shorter"})
    assert (await socket.receive_json_from())["error"]["code"] == "seq_not_increasing"


@pytest.mark.parametrize("observer", ["typed", "rated", "_count"])
async def test_a_failing_observer_takes_nobodys_answer(
    fake: ControlledClassifier,
    socket: WebsocketCommunicator,
    monkeypatch: pytest.MonkeyPatch,
    observer: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ClassifyConsumer if observer == "_count" else Sharing, observer, lambda *_: 1 / 0)
    fake.gate = threading.Event()
    await socket.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    assert await asyncio.to_thread(fake.asked.acquire, timeout=PATIENCE_S)
    await socket.send_json_to({"type": "text.update", "seq": 2, "text": "A fine film, really"})
    await socket.send_json_to({"type": "ping"})
    assert (await socket.receive_json_from())["type"] == "pong"
    fake.gate.set()
    # The second text waits while the first is answered and observed.
    answers = [await socket.receive_json_from() for _ in range(2)]
    assert [(answer["type"], answer["seq"]) for answer in answers] == [("prediction", 1), ("prediction", 2)]
    assert "ZeroDivisionError" in caplog.text


async def test_ping_flush_and_close_are_honoured(socket: WebsocketCommunicator) -> None:
    await socket.send_json_to({"type": "ping", "id": "a"})
    assert await socket.receive_json_from() == {"type": "pong", "id": "a"}
    await socket.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    await socket.receive_json_from()
    await socket.send_json_to({"type": "flush", "seq": 1})
    assert (await socket.receive_json_from())["is_final"]
    await socket.send_json_to({"type": "close"})
    assert (await socket.receive_json_from())["type"] == "usage.report"
    assert await socket.receive_output() == {"type": "websocket.close", "code": 1000}


async def test_twenty_malformed_messages_in_a_row_close_the_connection(socket: WebsocketCommunicator) -> None:
    for _ in range(19):
        await socket.send_to(text_data="{")
        assert (await socket.receive_json_from())["error"]["code"] == "bad_json"
    await socket.send_json_to({"type": "ping"})
    assert (await socket.receive_json_from())["type"] == "pong"
    for _ in range(20):
        await socket.send_to(text_data="{")
        assert (await socket.receive_json_from())["error"]["code"] == "bad_json"
    assert (await socket.receive_json_from())["error"]["code"] == "too_many_errors"
    assert (await socket.receive_output())["code"] == 4502


async def test_a_flood_is_refused_by_seq_and_in_the_end_closed(fake: ControlledClassifier, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 15, "work_burst": 120}
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    for seq in range(1_200):
        await communicator.send_json_to({"type": "text.update", "seq": seq, "text": f"text {seq}"})
    frames: list[str] = []
    while (output := await communicator.receive_output(timeout=10))["type"] != "websocket.close":
        frames.append(output["text"])
    refused = [frame for frame in frames if '"rate_limited"' in frame]
    # The bucket refills a little meanwhile.
    assert 300 <= len(refused) < 400
    assert 5 <= json.loads(refused[0])["error"]["seq"] <= 8
    assert 0 < json.loads(refused[0])["error"]["retry_after_ms"] <= 1_000
    # The last one says so before the close, which invites to come back.
    last = json.loads(frames[-1])["error"]
    assert (last["code"], last["retryable"], last["message"]) == ("rate_limited", True, "too fast for too long")
    assert output["code"] == 4008
    await communicator.disconnect()


async def test_an_address_that_connects_too_often_is_refused_before_its_key_is_looked_up(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 40, "address_factor": 1}
    monkeypatch.setattr(
        "live.connections.consumer.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    )
    for _ in range(2):
        communicator = connection()
        await communicator.connect()
        assert (await communicator.receive_json_from())["type"] == "session.created"
        await communicator.disconnect()
    # A look-up would fail: tests without a mark may not ask the database.
    assert await refusal(connection(subprotocols=["starcast.v1", "starcast.bearer.c2Ny"])) == ("rate_limited", 4008)


async def test_addresses_of_one_network_of_ipv6_share_their_room(
    fake: ControlledClassifier, settings: Settings
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_connections_per_address": 1}
    first, second, elsewhere = connection(), connection(), connection()
    for communicator, address in ((first, "2001:db8::1"), (second, "2001:db8::2"), (elsewhere, "2001:db8:0:1::1")):
        communicator.scope["client"] = [address, 1]
    await first.connect()
    assert (await first.receive_json_from())["type"] == "session.created"
    assert await refusal(second) == ("server_full", 4010)
    await elsewhere.connect()
    assert (await elsewhere.receive_json_from())["type"] == "session.created"
    await first.disconnect()
    await elsewhere.disconnect()


async def test_an_explanation_costs_its_address_what_it_costs_over_http(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 700, "address_factor": 1}
    monkeypatch.setattr(
        "live.connections.consumer.admissions", Admissions(lambda _, per_s, burst: TokenBucket(per_s / 1000, burst))
    )
    fake.gate = threading.Event()
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    await communicator.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    for seq in (0, 1, 1, 1, 2):  # What is void, under way, or nothing costs a message like any other.
        await communicator.send_json_to({"type": "explain", "seq": seq})
    assert (await communicator.receive_json_from())["error"]["code"] == "bad_request"
    fake.gate.set()
    assert (await communicator.receive_json_from())["type"] == "prediction"
    assert (await communicator.receive_json_from())["type"] == "explanation"
    await communicator.send_json_to({"type": "explain", "seq": 1})
    refusal = (await communicator.receive_json_from())["error"]
    assert (refusal["code"], "seq" in refusal) == ("rate_limited", False)
    # It cost nothing: 136 of the 700 are left, for 20 went to connecting, 19 to the text and 525 to the first five.
    for number in range(10):
        await communicator.send_json_to({"type": "ping", "id": str(number)})
    answers = [(await communicator.receive_json_from())["type"] for _ in range(10)]
    assert answers == ["pong"] * 9 + ["error"]
    await communicator.disconnect()


async def test_an_explanation_that_is_refused_costs_its_message_only(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Overloaded("many wait", 1)

    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_burst": 1_000}
    monkeypatch.setattr("live.access.token_buckets.time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr("live.connections.consumer.admissions", Admissions(lambda _, *rate: TokenBucket(*rate)))
    monkeypatch.setattr("live.socket.explaining.explain", refuse)
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    await communicator.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    assert (await communicator.receive_json_from())["type"] == "prediction"
    for _ in range(4):
        await communicator.send_json_to({"type": "explain", "seq": 1})
        error = (await communicator.receive_json_from())["error"]
        assert (error["code"], error["seq"]) == ("overloaded", 1)
    await communicator.disconnect()


async def test_a_page_that_explains_at_every_pause_is_never_refused(
    fake: ControlledClassifier, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("live.access.token_buckets.time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr("live.connections.consumer.admissions", Admissions(lambda _, *rate: TokenBucket(*rate)))
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    for seq in range(200):
        await communicator.send_json_to({"type": "text.update", "seq": seq, "text": f"A fine film {seq}"})
        clock[0] += 0.7  # The shortest pause that the page takes for one.
        await communicator.send_json_to({"type": "explain", "seq": seq})
        assert (await communicator.receive_json_from())["type"] == "prediction"
        assert (await communicator.receive_json_from())["type"] == "explanation"
    await communicator.disconnect()


async def test_oversized_messages_spend_the_rate_like_any_other(fake: ControlledClassifier, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "work_per_s": 1, "work_burst": 25, "max_message_bytes": 100}
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    for _ in range(1_200):
        await communicator.send_to(text_data="a" * 101)
    outputs = [await communicator.receive_output(timeout=10)]
    while outputs[-1]["type"] != "websocket.close":
        outputs.append(await communicator.receive_output(timeout=10))
    assert outputs[-1]["code"] == 4008
    await communicator.disconnect()


@pytest.mark.parametrize(
    ("size", "paid"), [(60, MESSAGE), (BYTES_PER_UNIT - 1, MESSAGE), (30_000, MESSAGE + 30_000 // BYTES_PER_UNIT)]
)
async def test_a_message_costs_its_bytes_though_nothing_is_done_with_them(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch, size: int, paid: int
) -> None:
    monkeypatch.setattr("live.access.token_buckets.time", SimpleNamespace(monotonic=lambda: 0.0))
    monkeypatch.setattr("live.connections.consumer.admissions", mine := Admissions(lambda _, *rate: TokenBucket(*rate)))
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    (bucket,) = mine._buckets.values()
    assert isinstance(bucket, TokenBucket)
    before = bucket._tokens
    frame = '{"type":"ping","ignored":""}'
    await communicator.send_to(text_data=frame.replace('""', f'"{"a" * (size - len(frame))}"'))
    assert (await communicator.receive_json_from())["type"] == "pong"
    assert before - bucket._tokens == paid
    await communicator.disconnect()


async def test_a_client_that_leaves_while_its_text_is_rated_leaves_nothing_behind(
    fake: ControlledClassifier, caplog: pytest.LogCaptureFixture
) -> None:
    fake.gate = threading.Event()
    before = asyncio.all_tasks()
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    await communicator.send_json_to({"type": "text.update", "seq": 1, "text": "gone"})
    assert await asyncio.to_thread(fake.asked.acquire, timeout=10)
    await communicator.disconnect()
    fake.gate.set()
    await live.serving.process_engine.get_engine().close()
    assert asyncio.all_tasks() == before
    assert len(admissions) == 0
    assert not caplog.records


def kept() -> Counter[type]:
    """How many objects of connections there are."""
    gc.collect()
    kinds = {ClassifyConsumer, TypingSession, Explaining, IdleTimer, EncoderCache, TextUpdate}
    return Counter(kind for kind in map(type, gc.get_objects()) if kind in kinds)


async def test_a_thousand_connections_leave_no_task_and_no_object_behind(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.connections.consumer.admissions", mine := Admissions(lambda _, *rate: TokenBucket(*rate)))
    tasks, objects = asyncio.all_tasks(), kept()
    for number in range(1_000):
        communicator = connection()
        await communicator.connect()
        await communicator.receive_json_from()
        await communicator.send_json_to({"type": "text.update", "seq": 1, "text": f"gone {number}"})
        await communicator.send_json_to({"type": "explain", "seq": 1})
        await communicator.disconnect()
    await live.serving.process_engine.get_engine().close()
    assert asyncio.all_tasks() == tasks
    assert len(mine) == len(live_sockets) == 0
    del communicator
    async with asyncio.timeout(PATIENCE_S):
        # The model thread lets go of its last text when it gets a turn.
        while not kept() <= objects:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def test_the_consumer_needs_no_channel_layer(fake: ControlledClassifier, settings: Settings) -> None:
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "a.layer.that.cannot.be.Imported"}}
    communicator = connection()
    await communicator.connect()
    await communicator.receive_json_from()
    await communicator.send_json_to({"type": "text.update", "seq": 1, "text": "on"})
    assert (await communicator.receive_json_from())["seq"] == 1
    await communicator.disconnect()


async def test_a_typist_that_left_is_freed_without_the_garbage_collector(
    socket: WebsocketCommunicator, no_collector: None
) -> None:
    await socket.send_json_to({"type": "text.update", "seq": 1, "text": "fine"})
    await socket.send_json_to({"type": "explain", "seq": 1})
    assert (await socket.receive_json_from())["type"] == "prediction"
    assert (await socket.receive_json_from())["type"] == "explanation"
    await socket.disconnect()
    assert ClassifyConsumer not in map(type, gc.get_objects())

"""Watching without a server: WebSockets of a typist and of watchers, over the in-memory channel layer."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest
from pytest_django.fixtures import Settings

import live.serving.process_engine
import live.watching.audience
import live.watching.link
from live.access.admissions import Admissions, admissions
from live.access.prices import EXPLANATION, MESSAGE, WATCHED
from live.access.token_buckets import TokenBucket
from live.limits import get_limits
from live.messages.rooms import RoomEnd, RoomOpened
from live.watching.audience import audiences
from live.watching.room import new_secret, room_id_of, rooms
from model_core.errors import Overloaded
from model_core.fake import FakeClassifier
from project.asgi import application
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH

NOBODY = "A" * 22

Connect = Callable[[str], Awaitable[WebsocketCommunicator]]


@pytest.fixture
async def connect(fake: FakeClassifier) -> AsyncIterator[Connect]:
    """Makes connections that were greeted, and ends all of them and their rooms."""
    communicators: list[WebsocketCommunicator] = []

    async def open_socket(path: str) -> WebsocketCommunicator:
        communicator = WebsocketCommunicator(application, path, subprotocols=["starcast.v1"])
        await communicator.connect()
        assert (await communicator.receive_json_from())["type"] == "session.created"
        communicators.append(communicator)
        return communicator

    yield open_socket
    for communicator in communicators:
        await communicator.disconnect()
    async with asyncio.timeout(10):
        while len(rooms) or len(audiences):  # noqa: ASYNC110 - they end in background tasks
            await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def short_grace(settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "room_grace_s": 0}


async def until(socket: WebsocketCommunicator, kind: str, **fields: Any) -> dict[str, Any]:
    """The next message of a type with these fields; others are passed over."""
    while True:
        message = dict(await socket.receive_json_from(timeout=10))
        if message["type"] == kind and fields.items() <= message.items():
            return message


async def opened(socket: WebsocketCommunicator, **fields: Any) -> dict[str, Any]:
    await socket.send_json_to({"type": "room.open", **fields})
    return await until(socket, "room.opened")


def watch(room: dict[str, Any] | str) -> str:
    return f"/ws/v1/watch/{room if isinstance(room, str) else room['room_id']}/"


async def typed(socket: WebsocketCommunicator, seq: int, text: str) -> dict[str, Any]:
    await socket.send_json_to({"type": "text.update", "seq": seq, "text": text})
    return await until(socket, "prediction", seq=seq)


async def test_who_watches_sees_text_and_rating_of_every_key(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    for seq, text in enumerate(("A", "A fine", "A fine <script>film</script> 🎬"), start=1):
        prediction = await typed(typist, seq, text)
        state = await until(watcher, "room.state", text=text, is_fresh=True)
        assert state["is_typist_here"]
        assert {name: prediction[name] for name in state["rating"]} == state["rating"]


async def test_who_watches_sees_what_the_words_of_the_text_add_until_the_next_key(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    watcher = await connect(watch(room))
    await typed(typist, 1, "A fine film. A long one.")
    await typist.send_json_to({"type": "explain", "seq": 1})
    explanation = await until(typist, "explanation")
    state = await until(watcher, "room.state", is_fresh=True)
    while "explanation" not in state:
        state = await until(watcher, "room.state")
    assert {name: explanation[name] for name in state["explanation"]} == state["explanation"]
    late = await connect(watch(room))
    assert (await until(late, "room.state"))["explanation"] == state["explanation"]
    await typed(typist, 2, "A fine film. A long one!")
    for each in (watcher, late):
        assert "explanation" not in await until(each, "room.state", text="A fine film. A long one!", is_fresh=True)


async def test_who_comes_late_sees_the_present_state_at_once(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    prediction = await typed(typist, 1, "Typed before the room was opened")
    room = await opened(typist)
    first = await connect(watch(room))
    assert (await until(first, "room.state"))["text"] == "Typed before the room was opened"
    second = await connect(watch(room))
    state = await until(second, "room.state")
    assert (state["text"], state["is_fresh"]) == ("Typed before the room was opened", True)
    assert state["rating"]["expected_stars"] == prediction["expected_stars"]


async def test_the_typist_is_told_how_many_watch(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    await until(typist, "room.watchers", count=0)
    first, second = await connect(watch(room)), await connect(watch(room))
    await until(typist, "room.watchers", count=2)
    await first.disconnect()
    await until(typist, "room.watchers", count=1)
    await second.disconnect()
    await until(typist, "room.watchers", count=0)


@pytest.mark.parametrize(
    "message",
    [
        {"type": "text.update", "seq": 1, "text": "mine"},
        {"type": "flush", "seq": 1},
        {"type": "room.open"},
        {"type": "room.close"},
    ],
)
async def test_who_watches_cannot_write(connect: Connect, message: dict[str, Any]) -> None:
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    await watcher.send_json_to(message)
    assert (await until(watcher, "error"))["error"]["code"] == "unknown_type"
    await typed(typist, 1, "the typist's own")
    assert (await until(watcher, "room.state", is_fresh=True))["text"] == "the typist's own"


async def test_who_watches_may_ping_and_say_goodbye(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    await watcher.send_json_to({"type": "ping", "id": "a"})
    assert (await until(watcher, "pong"))["id"] == "a"
    await watcher.send_to(bytes_data=b"\x00")
    assert (await until(watcher, "error"))["error"]["code"] == "binary_not_supported"
    await watcher.send_json_to({"type": "close"})
    assert await closed(watcher) == 1000


async def closed(socket: WebsocketCommunicator) -> int:
    while (output := await socket.receive_output(timeout=10))["type"] != "websocket.close":
        pass
    return int(output["code"])


async def test_who_watches_is_idle_only_where_there_is_nothing_to_see(connect: Connect, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "idle_timeout_s": 1}
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    begin, seq = time.monotonic(), 0
    while time.monotonic() < begin + 2.5:
        seq += 1
        await typed(typist, seq, f"text {seq}")
        await until(watcher, "room.state", text=f"text {seq}", is_fresh=True)
    assert (await until(watcher, "error"))["error"]["code"] == "idle"
    assert await closed(watcher) == 4009


async def test_a_closed_room_is_over_for_all_and_its_link_leads_nowhere(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    watcher = await connect(watch(room))
    await typed(typist, 1, "A fine film")
    await until(watcher, "room.state")
    await typist.send_json_to({"type": "room.close"})
    assert (await until(typist, "room.closed"))["reason"] == "closed"
    assert (await until(watcher, "room.closed"))["reason"] == "closed"
    assert await closed(watcher) == 4522
    await typed(typist, 2, "and nobody sees it")
    late = await connect(watch(room))
    assert (await until(late, "error"))["error"]["code"] == "room_not_found"
    assert await closed(late) == 4522


async def test_a_typist_who_says_goodbye_ends_the_room(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    await until(watcher, "room.state")
    await typist.send_json_to({"type": "close"})
    assert (await until(watcher, "room.closed"))["reason"] == "closed"


async def test_a_typist_who_is_gone_for_too_long_has_left(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    await until(watcher, "room.state")
    await typist.disconnect()
    assert (await until(watcher, "room.closed"))["reason"] == "left"
    assert await closed(watcher) == 4522


async def test_the_state_of_a_server_of_another_version_is_shown_as_away_too(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    await typed(typist, 1, "before")
    state = await until(watcher, "room.state", is_fresh=True)
    del state["rating"]["label"]
    [audience] = audiences._audiences.values()
    audience._show(json.dumps(state))
    audience._show_away()
    assert (await until(watcher, "room.state", is_typist_here=False))["text"] == "before"


async def test_a_typist_who_comes_back_with_the_secret_goes_on_in_the_room(
    connect: Connect, settings: Settings
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "room_grace_s": 60}
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    watcher = await connect(watch(room))
    await typed(typist, 1, "before")
    await typist.disconnect()
    away = await until(watcher, "room.state", is_typist_here=False)
    assert (away["text"], away["is_fresh"]) == ("before", False)
    back = await connect(CLASSIFY_PATH)
    assert await opened(back, secret=room["secret"]) == room
    await until(watcher, "room.state", is_typist_here=True, text="before")
    await until(back, "room.watchers", count=1)
    await typed(back, 1, "before and after")
    await until(watcher, "room.state", is_fresh=True, text="before and after")
    await back.send_json_to({"type": "room.close"})
    await until(watcher, "room.closed")


async def test_a_clock_that_is_set_back_costs_no_typist_the_room(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    watcher = await connect(watch(room))
    await typed(typist, 1, "before")
    await until(watcher, "room.state", text="before")
    await typist.disconnect()
    earlier_ns = time.time_ns() - 3_600 * 10**9
    monkeypatch.setattr("live.watching.room.time.time_ns", lambda: earlier_ns)
    back = await connect(CLASSIFY_PATH)
    assert await opened(back, secret=room["secret"]) == room
    await typed(back, 1, "before and after")
    await until(watcher, "room.state", is_typist_here=True, text="before and after")


async def test_a_second_connection_with_the_secret_takes_the_room_over(connect: Connect) -> None:
    first, second = await connect(CLASSIFY_PATH), await connect(CLASSIFY_PATH)
    room = await opened(first)
    watcher = await connect(watch(room))
    await typed(first, 1, "first")
    await opened(second, secret=room["secret"])
    assert (await until(first, "room.closed"))["reason"] == "taken"
    await typed(second, 1, "second")
    await until(watcher, "room.state", text="second")
    await typed(first, 2, "nobody sees this")
    await typed(second, 2, "second again")
    assert (await until(watcher, "room.state", is_fresh=True, text="second again"))["is_typist_here"]


def test_the_documented_room_has_the_name_that_its_secret_gives_it() -> None:
    [example] = RoomOpened.model_json_schema()["examples"]
    assert example["room_id"] == room_id_of(example["secret"])


async def test_the_name_of_a_room_does_not_give_away_its_secret_and_is_no_secret(connect: Connect) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    assert len(room["secret"]) == 43
    assert room["room_id"] == room_id_of(room["secret"])
    assert room["room_id"] not in room["secret"]
    assert room_id_of(new_secret()) != room_id_of(new_secret())
    for secret in ("", "guess", room["room_id"], 1, "é" * 43):
        await typist.send_json_to({"type": "room.open", "secret": secret})
        error = (await until(typist, "error"))["error"]
        assert (error["code"], error["param"]) == ("bad_request", "secret")


@pytest.mark.parametrize("room_id", ["x", "A" * 21, "A" * 23, "A" * 21 + "é", NOBODY])
async def test_a_room_that_is_not_there_is_refused_for_good(connect: Connect, room_id: str) -> None:
    watcher = await connect(watch(room_id))
    assert (await until(watcher, "error"))["error"]["code"] == "room_not_found"
    assert await closed(watcher) == 4522


async def test_a_dead_link_is_refused_at_once_where_no_other_process_can_hold_its_room(
    connect: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "room_grace_s": 60}
    monkeypatch.setattr(audiences, "_began", -math.inf)
    watcher = await connect(watch(NOBODY))
    assert len(audiences) == 0, "nobody waits for a word of it"
    assert (await until(watcher, "error"))["error"]["code"] == "room_not_found"
    assert await closed(watcher) == 4522


async def test_a_dead_link_is_refused_after_a_beat_or_two_where_another_process_might_hold_its_room(
    connect: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "room_grace_s": 60}
    monkeypatch.setattr(audiences, "_began", -math.inf)
    monkeypatch.setattr(live.watching.audience, "reaches_other_processes", lambda: True)
    watcher = await connect(watch(NOBODY))
    assert len(audiences) == 1
    assert (await until(watcher, "error"))["error"]["code"] == "room_not_found"


async def test_after_a_restart_a_room_is_waited_for_since_its_typist_may_come_back_last(
    connect: Connect, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "room_grace_s": 60}
    monkeypatch.setattr(audiences, "_began", time.monotonic())
    secret = new_secret()
    watcher = await connect(watch(room_id_of(secret)))
    typist = await connect(CLASSIFY_PATH)
    await opened(typist, secret=secret)
    await typed(typist, 1, "written before the restart")
    await until(watcher, "room.state", text="written before the restart")
    await typist.send_json_to({"type": "close"})
    await until(watcher, "room.closed")


async def test_rooms_have_a_number_for_the_process_and_for_an_address(connect: Connect, settings: Settings) -> None:
    for limit in ("max_rooms", "max_rooms_per_address"):
        settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_rooms": 9, "max_rooms_per_address": 9, limit: 1}
        first, second = await connect(CLASSIFY_PATH), await connect(CLASSIFY_PATH)
        await opened(first)
        await second.send_json_to({"type": "room.open"})
        error = (await until(second, "error"))["error"]
        assert (error["code"], error["retryable"]) == ("too_many_rooms", True)
        await typed(second, 1, "rated all the same")
        await first.send_json_to({"type": "room.close"})
        await until(first, "room.closed")
        await opened(second)
        await second.send_json_to({"type": "room.close"})
        await until(second, "room.closed")


async def test_a_full_room_refuses_watchers(connect: Connect, settings: Settings) -> None:
    settings.STARCAST_LIMITS = {**settings.STARCAST_LIMITS, "max_watchers": 1}
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    assert room["max_watchers"] == 1
    first = await connect(watch(room))
    await until(first, "room.state")
    second = await connect(watch(room))
    error = (await until(second, "error"))["error"]
    assert (error["code"], error["retryable"]) == ("room_full", True)
    assert await closed(second) == 4010
    await first.disconnect()
    await until(typist, "room.watchers", count=0)
    await until(await connect(watch(room)), "room.state")


async def test_a_foreign_page_may_not_watch(fake: FakeClassifier) -> None:
    headers = [(b"host", b"localhost:8000"), (b"origin", b"https://evil.example")]
    communicator = WebsocketCommunicator(application, watch(NOBODY), headers=headers)
    await communicator.connect()
    assert (await communicator.receive_json_from())["error"]["code"] == "origin_refused"
    assert await closed(communicator) == 4520
    await communicator.disconnect()


async def test_texts_are_rated_while_the_layer_fails_and_watching_goes_on_when_it_is_back(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    watcher = await connect(watch(room))
    await typed(typist, 1, "before")
    await until(watcher, "room.state", text="before", is_fresh=True)
    layer = live.watching.link.get_link()._layer

    async def fail(*_: Any) -> None:
        raise OSError("redis://:password@host is away")

    with monkeypatch.context() as away:
        for method in ("group_send", "group_add"):
            away.setattr(layer, method, fail)
        await typed(typist, 2, "while it is away")
        await until(watcher, "room.state", text="before", is_typist_here=False)
        assert "password" not in caplog.text
        assert "watching pauses" in caplog.text
        assert "while it is away" not in caplog.text
    await until(watcher, "room.state", text="while it is away", is_fresh=True, is_typist_here=True)
    assert "watching goes on" in caplog.text


async def test_an_ended_room_leaves_nothing_behind(connect: Connect) -> None:
    before = asyncio.all_tasks()
    typist = await connect(CLASSIFY_PATH)
    watcher = await connect(watch(await opened(typist)))
    await typed(typist, 1, "A fine film")
    await until(watcher, "room.state")
    await typist.send_json_to({"type": "close"})
    await until(watcher, "room.closed")
    await typist.disconnect()
    await watcher.disconnect()
    await live.serving.process_engine.get_engine().close()
    async with asyncio.timeout(10):
        while asyncio.all_tasks() != before or len(rooms) or len(audiences):  # noqa: ASYNC110
            await asyncio.sleep(0)
    assert len(admissions) == 0
    assert live.watching.link.get_link()._listeners == {}


class Failing:
    """A typist or watcher that can be told nothing."""

    def show(self, frame: str) -> None:
        raise RuntimeError("shown nothing")

    async def show_watchers(self, count: int) -> None:
        raise RuntimeError("told no number")

    async def room_ended(self, reason: RoomEnd | None) -> None:
        raise RuntimeError("told no end")


async def test_a_watcher_that_fails_keeps_nothing_from_the_others(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    watchers = [await connect(watch(room))]
    await until(watchers[0], "room.state")
    failing = Failing()
    audience = audiences._audiences[room["room_id"]]
    audience.watchers.add(failing)
    watchers.append(await connect(watch(room)))
    await typed(typist, 1, "fine")
    for each in watchers:
        await until(each, "room.state", text="fine", is_fresh=True)
    await typist.send_json_to({"type": "room.close"})
    for each in watchers:
        await until(each, "room.closed", reason="closed")
    assert "shown nothing" in caplog.text


async def test_a_typist_that_fails_keeps_the_room_from_nobody(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    secret = new_secret()
    room = rooms.open(secret, "192.0.2.1", get_limits())
    await room.enter(Failing())
    watcher = await connect(watch(room.id))
    await until(watcher, "room.state")
    typist = await connect(CLASSIFY_PATH)
    await opened(typist, secret=secret)
    await typed(typist, 1, "fine")
    await until(watcher, "room.state", text="fine")
    assert "told no number" in caplog.text
    assert "told no end" in caplog.text


class Till(TokenBucket):
    """A bucket that knows what was paid."""

    paid = 0

    def take(self, tokens: int = 1) -> bool:
        self.paid += tokens
        return super().take(tokens)

    def give_back(self, tokens: int) -> None:
        self.paid -= tokens
        super().give_back(tokens)


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> Till:
    """What all connections of a test pay into."""
    shared = Till(1, 100_000)
    monkeypatch.setattr("live.connections.consumer.admissions", Admissions(lambda *_: shared))
    return shared


async def test_what_a_message_sends_to_watchers_is_charged_for_each_of_them(connect: Connect, till: Till) -> None:
    async def prices(watchers: int) -> list[int]:
        typist = await connect(CLASSIFY_PATH)
        room = await opened(typist)
        for _ in range(watchers):
            await connect(watch(room))
        await until(typist, "room.watchers", count=watchers)
        paid = [till.paid]
        for message, answer in (
            ({"type": "text.update", "seq": 1, "text": "fine"}, "prediction"),
            ({"type": "flush", "seq": 1}, "prediction"),
            ({"type": "explain", "seq": 1}, "explanation"),
            ({"type": "room.open", "secret": room["secret"]}, "room.opened"),
            ({"type": "ping"}, "pong"),
        ):
            await typist.send_json_to(message)
            await until(typist, answer)
            paid.append(till.paid)
        return [after - before for before, after in pairwise(paid)]

    alone, watched = await prices(0), await prices(3)
    assert [more - less for less, more in zip(alone, watched, strict=True)] == [3 * WATCHED] * 4 + [0]


async def test_an_explanation_that_is_refused_costs_nothing_for_watchers(
    connect: Connect, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise Overloaded("many wait", 1)

    monkeypatch.setattr("live.socket.explaining.explain", refuse)
    typist = await connect(CLASSIFY_PATH)
    room = await opened(typist)
    await connect(watch(room))
    await until(typist, "room.watchers", count=1)
    await typed(typist, 1, "fine")
    paid = till.paid
    await typist.send_json_to({"type": "explain", "seq": 1})
    assert (await until(typist, "error"))["error"]["code"] == "overloaded"
    assert till.paid == paid + MESSAGE
    # Asked for before it is rated, and asked for twice.
    for message in ({"type": "text.update", "seq": 2, "text": "fine"}, *[{"type": "explain", "seq": 2}] * 2):
        await typist.send_json_to(message)
    assert (await until(typist, "error"))["error"]["code"] == "overloaded"
    await typist.send_json_to({"type": "ping"})
    await until(typist, "pong")
    assert till.paid < paid + 5 * MESSAGE + WATCHED + EXPLANATION

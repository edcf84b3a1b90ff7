"""A model that does not rate films, over HTTP and WebSocket, in rooms, on the command line and in feedback."""

import io
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import AsyncClient

import live.http.feedback
import live.pages.views
import live.serving.process_engine
from live.admin.feedback_export import files
from live.http.feedback_room import FeedbackRoom
from live.models import Feedback
from live.serving.process_engine import reset, start_with, switch_to
from live.watching.audience import audiences
from model_core.checkpoint import read_config, write_config
from model_core.fake import FakeClassifier
from model_core.labels import LabelSet
from model_core.loading import load_classifier
from project.asgi import application
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH
from tests.labelled import LABEL_SETS, MANY, ORDINAL, PAGE, VALUED, labelled, serving
from tests.tiny import tiny_config

TEXT = "It was a long way, and not a bad one."


@pytest.fixture(params=LABEL_SETS.values(), ids=list(LABEL_SETS))
def labels(request: pytest.FixtureRequest, fresh_engine: None) -> LabelSet:
    """The labels of the model that is served."""
    chosen: LabelSet = request.param
    start_with(serving(labelled(chosen)))
    return chosen


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[str], Any]]:
    """Makes connections, and ends all of them."""
    communicators: list[WebsocketCommunicator] = []

    async def open_socket(path: str = CLASSIFY_PATH) -> WebsocketCommunicator:
        communicator = WebsocketCommunicator(application, path, subprotocols=["starcast.v1"])
        await communicator.connect()
        communicators.append(communicator)
        return communicator

    yield open_socket
    for communicator in communicators:
        await communicator.disconnect()


async def post(path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    response = await AsyncClient().post(f"/api/v1/{path}", json.dumps(body), content_type="application/json")
    return response.status_code, json.loads(response.content)


async def until(socket: WebsocketCommunicator, kind: str) -> dict[str, Any]:
    while True:
        message = dict(await socket.receive_json_from())
        if message["type"] == kind:
            return message


def check_scale(told: dict[str, Any], labels: LabelSet) -> None:
    assert told["task"] == labels.task
    assert [each["name"] for each in told["classes"]] == list(labels.names)
    assert [each.get("value") for each in told["classes"]] == list(labels.values or [None] * len(labels))
    assert "labels" not in told


def check_rating(rating: dict[str, Any], labels: LabelSet) -> None:
    shares = rating["probabilities"]
    assert len(shares) == len(labels)
    assert rating["label"] == labels.names[shares.index(max(shares))]
    assert not rating.keys() & {"stars", "expected_stars", "positive"}
    assert rating.keys() >= {"tokens", "truncated", "state"}
    if labels.values is None:
        assert not rating.keys() & {"expected_value", "interval"}
    else:
        mean = sum(value * share for value, share in zip(labels.values, shares, strict=True))
        assert rating["expected_value"] == pytest.approx(mean)
        assert set(rating["interval"]) <= set(labels.values)


async def test_http_speaks_of_its_labels(labels: LabelSet) -> None:
    status, rating = await post("predict", {"text": TEXT})
    assert status == 200
    check_scale(rating, labels)
    check_rating(rating, labels)
    _, many = await post("predict/batch", {"texts": [TEXT, "Another."]})
    check_scale(many, labels)
    assert many["results"][0]["probabilities"] == rating["probabilities"]
    for each in many["results"]:
        check_rating(each, labels)
    model = json.loads((await AsyncClient().get("/api/v1/model")).content)
    check_scale(model, labels)
    assert len(model["prior"]) == len(labels)


async def test_what_is_explained_is_the_value_or_the_most_probable_label(labels: LabelSet) -> None:
    _, rating = await post("predict", {"text": TEXT})
    status, explanation = await post("explain", {"text": TEXT})
    assert status == 200
    assert "expected_stars" not in explanation
    if labels.values is None:
        assert (explanation["counted_in"], explanation["label"]) == ("probability", rating["label"])
        assert explanation["value"] == pytest.approx(max(rating["probabilities"]))
    else:
        assert (explanation["counted_in"], explanation["value"]) == ("values", pytest.approx(rating["expected_value"]))
    assert explanation["spans"]


async def test_a_typist_and_who_watches_are_told_the_same(labels: LabelSet, connect: Callable[..., Any]) -> None:
    typist = await connect()
    check_scale(await until(typist, "session.created"), labels)
    await typist.send_json_to({"type": "text.update", "seq": 1, "text": TEXT})
    prediction = await until(typist, "prediction")
    check_rating(prediction, labels)
    await typist.send_json_to({"type": "room.open"})
    room = await until(typist, "room.opened")
    state = await until(await connect(f"/ws/v1/watch/{room['room_id']}/"), "room.state")
    check_scale(state, labels)
    assert {name: prediction[name] for name in state["rating"]} == state["rating"]


@pytest.mark.django_db(transaction=True)
async def test_feedback_is_kept_by_label_and_exported_as_a_table(
    labels: LabelSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.http.feedback, "feedback_room", FeedbackRoom())
    given = {"text": 'A "text",\nof two lines', "label": labels.names[1], "consent": True}
    _, rating = await post("predict", {"text": given["text"]})
    told = {"stored": True, "label": labels.names[1], "model_label": rating["label"]}
    told["model_version"] = rating["model_version"]
    assert await post("feedback", given) == (200, told)
    for wrong in ({"label": "none of them"}, {"label": None, "stars": 8}):
        status, reply = await post("feedback", given | wrong)
        assert (status, reply["error"]["param"]) == (400, "label")
    ((name, table),) = files([each async for each in Feedback.objects.all()])
    assert name == "feedback.jsonl"
    row = json.loads(table)
    assert (row["text"], row["label"]) == (given["text"], labels.names[1])


async def test_a_film_model_still_asks_for_stars(fake: FakeClassifier) -> None:
    status, reply = await post("feedback", {"text": TEXT, "label": "bad", "consent": True})
    assert (status, reply["error"]["param"]) == (400, "stars")


async def test_a_model_with_other_labels_is_announced_before_it_answers(
    fake: FakeClassifier, connect: Callable[..., Any]
) -> None:
    typist, idle = await connect(), await connect()
    for socket in (typist, idle):
        assert (await until(socket, "session.created"))["task"] == "ratings"
    await typist.send_json_to({"type": "text.update", "seq": 1, "text": TEXT})
    assert "stars" in await until(typist, "prediction")
    await typist.send_json_to({"type": "room.open"})
    room = await until(typist, "room.opened")
    watcher = await connect(f"/ws/v1/watch/{room['room_id']}/")
    assert "classes" not in await until(watcher, "room.state")
    for seq, labels in enumerate((MANY, VALUED), start=2):
        await switch_to(serving(labelled(labels)))
        for socket in (typist, idle):
            check_scale(await until(socket, "model.changed"), labels)
        await typist.send_json_to({"type": "text.update", "seq": seq, "text": TEXT})
        message = await typist.receive_json_from()
        while message["type"] == "room.watchers":
            message = await typist.receive_json_from()
        assert message["seq"] == seq
        check_rating(message, labels)
        while "stars" in (state := await until(watcher, "room.state"))["rating"] or not state["is_fresh"]:
            pass
        if state["task"] == labels.task:
            check_scale(state, labels)
    await switch_to(serving(fake))
    assert (await until(typist, "model.changed"))["labels"] == [1, 2, 3, 4, 7, 8, 9, 10]


async def test_a_model_with_the_same_labels_is_not_announced(fake: FakeClassifier, connect: Callable[..., Any]) -> None:
    socket = await connect()
    await until(socket, "session.created")
    await switch_to(serving(FakeClassifier()))
    await socket.send_json_to({"type": "text.update", "seq": 1, "text": TEXT})
    assert (await socket.receive_json_from())["type"] == "prediction"


@pytest.mark.django_db
@pytest.mark.parametrize("labels", [ORDINAL, MANY], ids=["three", "fifty"])
def test_the_command_line_prints_labels(labels: LabelSet, monkeypatch: pytest.MonkeyPatch, fresh_engine: None) -> None:
    monkeypatch.setattr(live.serving.process_engine, "load_classifier", lambda *_: labelled(labels))
    output = io.StringIO()
    call_command("classify", TEXT, stdout=output)
    check_rating(json.loads(output.getvalue()), labels)
    reset()


def test_the_fake_backend_takes_the_labels_of_the_checkpoint(tmp_path: Path) -> None:
    config = tiny_config(labels=VALUED, prior=(0.2, 0.3, 0.5), language="de")
    write_config(tmp_path, config, {})
    assert read_config(tmp_path)[0].labels == VALUED
    classifier = load_classifier(tmp_path, "fake")
    assert classifier.info.labels == VALUED
    (prediction,) = classifier.classify(["Ein Text"])
    assert prediction.legible is None


@pytest.mark.parametrize("path", ["/", "/about/", "/model/", "/widget/", f"/watch/{'A' * 22}/"])
async def test_pages_of_a_model_that_rates_no_films_do_not_speak_of_them(
    labels: LabelSet, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_config(tmp_path, tiny_config(labels=labels, prior=(1 / len(labels),) * len(labels), page=PAGE), {})
    monkeypatch.setattr(live.pages.views, "served_folder", lambda: tmp_path)
    # As in the first seconds of a server, when a page of a room is shown whether it is there or not.
    monkeypatch.setattr(audiences, "_began", time.monotonic())
    page = (await AsyncClient().get(path)).content.decode()
    head = page.partition("</head>")[0]
    # The rest of the page for writing has the bars of films, for a model that may come.
    assert not re.search("film|star rating", page if path == "/about/" else head)
    shown = dict(re.findall(r'property="og:([\w:]+)" content="([^"]+)"', head))
    assert shown["image"] == "http://testserver/static/live/icon-512.png"
    assert (shown["image:width"], shown["image:height"], shown["image:alt"]) == ("512", "512", "Starcast")
    assert '<meta name="twitter:card" content="summary">' in head

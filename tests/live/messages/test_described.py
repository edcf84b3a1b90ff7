"""The descriptions of the API are those of the served model: what it sends, no more and no less, in its own labels."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from django.test import AsyncClient

import live.http.feedback
from live.http.feedback_room import FeedbackRoom
from live.serving.process_engine import start_with, switch_to
from model_core.classifier import ModelInfo
from model_core.fake import FAKE_INFO, FakeClassifier, fake_info
from model_core.labels import FILM_RATINGS, LabelSet
from project.asgi import application
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH
from tests.labelled import LABEL_SETS, ORDINAL, PAGE, VALUED, serving

TEXT = "It was a long way, and not a bad one."
MODELS = {
    "films": FAKE_INFO,
    "films in German": fake_info(FILM_RATINGS, language="de"),
    "without a page": fake_info(VALUED, language="de"),
    **{name: fake_info(labels, PAGE) for name, labels in LABEL_SETS.items()},
}
ANSWERS = {"/api/v1/predict": "post", "/api/v1/predict/batch": "post", "/api/v1/explain": "post",
           "/api/v1/feedback": "post", "/api/v1/model": "get"}  # fmt: skip


@pytest.fixture(params=MODELS.values(), ids=list(MODELS))
def model(request: pytest.FixtureRequest, fresh_engine: None) -> ModelInfo:
    """The model that is served."""
    info: ModelInfo = request.param
    start_with(serving(FakeClassifier(info)))
    return info


async def document(name: str) -> dict[str, Any]:
    """Return a description. Its objects have the fields that it names, and no others."""
    described: dict[str, Any] = json.loads((await AsyncClient().get(f"/api/{name}.json")).content)
    for schema in described["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return described


def nulls(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from [node] if node.get("type") == "null" else []
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nulls(child)


@pytest.mark.django_db(transaction=True)
async def test_every_answer_over_http_has_the_fields_that_are_required_and_no_others(
    model: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.http.feedback, "feedback_room", FeedbackRoom())
    described = await document("openapi")
    components = described["components"]
    opinion = {"stars": 8} if model.labels.is_film else {"label": model.labels.names[0]}
    given = {"text": TEXT, "texts": [TEXT, "", "x" * 20_001], "consent": True, **opinion}
    for path, method in ANSWERS.items():
        operation = described["paths"][path][method]
        media = operation["responses"]["200"]["content"]["application/json"]
        validator = jsonschema_rs.Draft202012Validator({**media["schema"], "components": components})
        validator.validate(media["example"])
        if method == "get":
            answer = await AsyncClient().get(path)
        else:
            content = operation["requestBody"]["content"]["application/json"]
            (asked,) = {part for part in components["schemas"] if content["schema"]["$ref"].endswith(f"/{part}")}
            body = {name: given[name] for name in components["schemas"][asked]["required"]}
            for request in (body, *components["schemas"][asked]["examples"]):
                jsonschema_rs.Draft202012Validator({**content["schema"], "components": components}).validate(request)
                answer = await AsyncClient().post(path, json.dumps(request), content_type="application/json")
                assert answer.status_code == 200, answer.content
        validator.validate(json.loads(answer.content))
        shown = json.dumps(media["example"])
        assert model.labels.is_film or "star" not in shown
    answers = {name: schema for name, schema in components["schemas"].items() if "Token" not in name}
    assert not list(nulls(answers))


async def test_every_message_has_the_fields_that_are_required_and_no_others(model: ModelInfo) -> None:
    described = await document("asyncapi")
    validators = {
        name: jsonschema_rs.Draft7Validator({**message["payload"], "components": described["components"]})
        for name, message in described["components"]["messages"].items()
    }
    for name, message in described["components"]["messages"].items():
        for example in message["examples"]:
            validators[name].validate(example["payload"])
            shown = json.dumps(example["payload"])
            assert model.labels.is_film or "stars" not in shown, name
    socket = WebsocketCommunicator(application, CLASSIFY_PATH, subprotocols=["starcast.v1"])
    await socket.connect()
    for message in ({"type": "text.update", "seq": 1, "text": TEXT}, {"type": "explain", "seq": 1},
                    {"type": "room.open"}):  # fmt: skip
        await socket.send_json_to(message)
    expected = {"session.created", "prediction", "explanation", "room.opened"}
    while expected:
        answer = dict(await socket.receive_json_from())
        validators[answer["type"]].validate(answer)
        expected.discard(answer["type"])
        if answer["type"] == "room.opened":
            room = answer["room_id"]
    watcher = WebsocketCommunicator(application, f"/ws/v1/watch/{room}/", subprotocols=["starcast.v1"])
    await watcher.connect()
    while (state := dict(await watcher.receive_json_from()))["type"] != "room.state":
        pass
    validators["room.state"].validate(state)
    for each in (watcher, socket):
        await each.disconnect()


async def test_ratings_of_films_have_stars_in_each_description(fresh_engine: None) -> None:
    start_with(serving(FakeClassifier(FAKE_INFO)))
    for name, schema in (("openapi", "RatedAnswer"), ("asyncapi", "PredictionMessage")):
        rating = (await document(name))["components"]["schemas"][schema]
        assert rating["properties"]["stars"]["type"] == "integer"
        assert {"stars", "expected_stars", "interval", "positive", "legible"} <= set(rating["required"])
        assert {"label", "expected_value"} <= set(rating["required"])


@pytest.mark.parametrize("labels", LABEL_SETS.values(), ids=list(LABEL_SETS))
async def test_the_description_follows_a_switch_of_the_model_and_back(fresh_engine: None, labels: LabelSet) -> None:
    start_with(serving(FakeClassifier(FAKE_INFO)))
    films = await document("openapi")
    await switch_to(serving(FakeClassifier(fake_info(labels, PAGE))))
    described = await document("openapi")
    feedback = described["components"]["schemas"]["FeedbackRequest"]
    assert feedback["properties"]["label"]["enum"] == list(labels.names)
    assert set(feedback["required"]) == {"text", "label", "consent"}
    example = described["paths"]["/api/v1/predict"]["post"]["responses"]["200"]["content"]["application/json"][
        "example"
    ]
    assert [each["name"] for each in example["classes"]] == list(labels.names)
    assert example["label"] in labels.names
    assert described["components"]["schemas"]["PredictOne"]["examples"] == [{"text": PAGE.examples[0]}]
    await switch_to(serving(FakeClassifier(FAKE_INFO)))
    assert await document("openapi") == films


async def test_two_models_with_equal_labels_have_descriptions_of_their_own(fresh_engine: None) -> None:
    for info in (fake_info(ORDINAL, PAGE), fake_info(ORDINAL)):
        start_with(serving(FakeClassifier(info)))
        (example,) = (await document("openapi"))["components"]["schemas"]["PredictOne"]["examples"]
        assert (example["text"] == PAGE.examples[0]) is (info.page is not None)

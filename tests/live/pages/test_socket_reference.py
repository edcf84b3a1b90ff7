"""The page about the WebSocket."""

import html

from django.test import Client

from live.limits import Limits
from live.messages.errors import CLOSE_MEANINGS
from live.messages.server import SERVER_MESSAGES, WATCHER_SERVER_MESSAGES
from live.pages.socket_reference import reference
from live.socket.asyncapi import CLIENT_MESSAGES, describe, name_of


def test_the_page_shows_every_message_code_and_limit_of_the_document() -> None:
    document = Client().get("/api/asyncapi.json").json()
    page = html.unescape(Client().get("/api/socket").content.decode())
    for message in {*CLIENT_MESSAGES, *SERVER_MESSAGES, *WATCHER_SERVER_MESSAGES}:
        assert page.count(f'id="{name_of(message)}"') == 1
    for section in ("x-error-codes", "x-close-codes", "x-limits"):
        assert document[section]
        for code in document[section]:
            assert f"<code>{code}</code>" in page
    assert str(max(CLOSE_MEANINGS)) in page
    assert '{"type": "text.update", "seq": 17' in page


def test_fields_are_shown_with_their_types_and_those_of_objects_inside_follow() -> None:
    context = reference(describe("localhost", secure=False, require_key=False, limits=Limits()))
    messages = {message["name"]: message for direction in context["directions"] for message in direction["messages"]}
    types = {name: {field["name"]: field["type"] for field in message["fields"]} for name, message in messages.items()}
    assert types["text.update"] == {"seq": "integer", "text": "string"}
    assert types["explanation"]["spans"] == "array of objects"
    assert types["explanation"]["spans[].begin"] == "integer"
    assert types["prediction"]["probabilities"] == "array of numbers"
    assert types["prediction"]["interval"] == "pair of numbers"
    assert types["error"]["error.param"] == "string"
    optional = {field["name"] for message in messages.values() for field in message["fields"] if field["optional"]}
    of_errors = {"error.param", "error.seq", "error.retry_after_ms"}
    of_rooms = {"rating", "explanation"}
    of_other_models = {"labels", "classes[].value"}
    assert optional == {"id", "secret", "partial", "session.min_interval_ms", *of_rooms, *of_errors, *of_other_models}
    assert context["address"] == "ws://localhost/ws/v1/classify/"


def test_descriptions_are_shown_as_text() -> None:
    document = describe("localhost", secure=False, require_key=False, limits=Limits())
    document["x-error-codes"]["idle"]["meaning"] = "<script> and `<b>`"
    (meaning,) = [error["meaning"] for error in reference(document)["errors"] if error["code"] == "idle"]
    assert meaning == "&lt;script&gt; and <code>&lt;b&gt;</code>"


def test_the_page_keeps_to_the_policy_and_links_to_the_console_and_back() -> None:
    response = Client().get("/api/socket")
    page = response.content.decode()
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert "unsafe" not in response["Content-Security-Policy"]
    for inline in ("<script", "<style", "style=", "onclick"):
        assert inline not in page
    assert 'href="/api/docs"' in page
    assert 'href="/api/asyncapi.json"' in page
    assert 'href="/api/socket"' in Client().get("/api/docs").content.decode()
    assert "(/api/socket)" in Client().get("/api/openapi.json").json()["info"]["description"]
    assert Client().post("/api/socket").json()["error"]["code"] == "method_not_allowed"

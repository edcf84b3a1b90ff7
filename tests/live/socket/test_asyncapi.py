"""The AsyncAPI description is complete, valid, and matches the message classes."""

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema_rs
import pytest
from django.test import Client
from pydantic import BaseModel
from pytest_django.fixtures import Settings

import live.messages.client
import live.messages.protocol
import live.messages.server
from live.limits import Limits
from live.messages.client import WatcherMessage, parse_client_message
from live.messages.errors import CLOSE_MEANINGS, ERRORS
from live.messages.server import SERVER_MESSAGES, WATCHER_SERVER_MESSAGES
from live.pages.socket_reference import resolve
from live.socket.asyncapi import CLIENT_MESSAGES, describe, name_of

DOCUMENT = describe("films.example", secure=True, require_key=False, limits=Limits())
ALL_SERVER_MESSAGES = tuple(dict.fromkeys((*SERVER_MESSAGES, *WATCHER_SERVER_MESSAGES)))
MESSAGES = (*CLIENT_MESSAGES, *ALL_SERVER_MESSAGES)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(child)


def classes_with_a_type(module: Any) -> set[type[BaseModel]]:
    return {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseModel) and "type" in value.model_fields
    }


def test_every_class_of_a_message_is_described() -> None:
    assert classes_with_a_type(live.messages.client) == set(CLIENT_MESSAGES)
    assert classes_with_a_type(live.messages.server) == set(ALL_SERVER_MESSAGES)
    names = [name_of(message) for message in MESSAGES]
    assert len(set(names)) == len(names) > 10
    of_channels = {name for channel in DOCUMENT["channels"].values() for name in channel["messages"]}
    assert set(names) == of_channels == set(DOCUMENT["components"]["messages"])


def test_the_server_receives_what_clients_send() -> None:
    for name, action, messages in (
        ("receive", "receive", CLIENT_MESSAGES),
        ("send", "send", SERVER_MESSAGES),
        ("receiveFromWatcher", "receive", get_args(WatcherMessage)),
        ("sendToWatcher", "send", WATCHER_SERVER_MESSAGES),
    ):
        operation = DOCUMENT["operations"][name]
        assert operation["action"] == action
        described = [resolve(DOCUMENT, reference)["name"] for reference in operation["messages"]]
        assert described == [name_of(message) for message in messages]


def test_every_reference_leads_somewhere() -> None:
    references = [node for node in nodes(DOCUMENT) if "$ref" in node]
    assert len(references) > 3 * len(MESSAGES)
    for reference in references:
        assert resolve(DOCUMENT, reference)


def test_the_document_has_the_objects_that_asyncapi_3_asks_for() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"].keys() >= {"title", "version", "description"}
    for section in ("servers", "channels", "operations"):
        assert all(re.fullmatch(r"[\w.-]+", name) for name in DOCUMENT[section])
    for section in DOCUMENT["components"].values():
        assert all(re.fullmatch(r"[\w.-]+", name) for name in section)
    (server,) = DOCUMENT["servers"].values()
    assert (server["host"], server["protocol"]) == ("films.example", "wss")
    for operation in DOCUMENT["operations"].values():
        # An operation names a channel of the root, and messages of that channel.
        channel = operation["channel"]["$ref"]
        assert re.fullmatch(r"#/channels/\w+", channel)
        assert all(message["$ref"].startswith(f"{channel}/messages/") for message in operation["messages"])
    allowed = {"name", "title", "summary", "payload", "examples"}
    assert all(message.keys() == allowed for message in DOCUMENT["components"]["messages"].values())
    assert {scheme["type"] for scheme in DOCUMENT["components"]["securitySchemes"].values()} == {"http", "httpApiKey"}
    extensions = DOCUMENT.keys() - {
        "asyncapi", "info", "defaultContentType", "servers", "channels", "operations", "components",
    }  # fmt: skip
    assert all(name.startswith("x-") for name in extensions)


def test_every_schema_is_one_of_draft_7() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        assert jsonschema_rs.meta.is_valid({"$schema": "http://json-schema.org/draft-07/schema#", **schema}), name
    assert not [node for node in nodes(DOCUMENT) if "prefixItems" in node or "$defs" in node]


@pytest.mark.parametrize("message", MESSAGES, ids=name_of)
def test_every_message_has_an_example_that_its_own_class_and_its_schema_accept(message: type[BaseModel]) -> None:
    described = DOCUMENT["components"]["messages"][name_of(message)]
    assert described["summary"].endswith(".")
    validator = jsonschema_rs.Draft7Validator({**described["payload"], "components": DOCUMENT["components"]})
    for example in described["examples"]:
        payload = example["payload"]
        validator.validate(payload)
        parsed = message.model_validate_json(json.dumps(payload))
        assert json.loads(parsed.model_dump_json(exclude_none=True)) == payload
        if message in CLIENT_MESSAGES:
            assert type(parse_client_message(json.dumps(payload), Limits())) is message
        with pytest.raises(jsonschema_rs.ValidationError):
            validator.validate({**payload, "type": "none"})


def test_fields_of_messages_are_described() -> None:
    for message in MESSAGES:
        schema = DOCUMENT["components"]["schemas"][message.__name__]
        undescribed = {name for name, field in schema["properties"].items() if not field.get("description")}
        assert undescribed <= {"type", "protocol"}, message


def test_every_error_and_every_close_code_of_the_websocket_is_listed() -> None:
    description = DOCUMENT["info"]["description"]
    assert DOCUMENT["x-error-codes"].keys() == {code for code, kind in ERRORS.items() if kind.over_websocket}
    assert all(f"- `{code}`" in description for code in DOCUMENT["x-error-codes"])
    assert DOCUMENT["x-close-codes"].keys() == {str(code) for code in CLOSE_MEANINGS}
    assert all(f"- {code}" in description for code in CLOSE_MEANINGS)


def test_the_server_says_where_it_is_and_whether_it_asks_for_keys(settings: Settings) -> None:
    described = Client(SERVER_NAME="localhost").get("/api/asyncapi.json").json()
    (server,) = described["servers"].values()
    assert (server["host"], server["protocol"], "security" in server) == ("localhost", "ws", False)
    settings.STARCAST_REQUIRE_KEY = True
    described = Client(SERVER_NAME="localhost").get("/api/asyncapi.json", secure=True).json()
    (server,) = described["servers"].values()
    assert server["protocol"] == "wss"
    assert [resolve(described, scheme)["type"] for scheme in server["security"]] == ["http", "httpApiKey"]

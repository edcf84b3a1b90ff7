"""The WebSocket reference page, generated from the AsyncAPI document."""

import json
from collections.abc import Iterator
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Document = dict[str, Any]


def reference(document: Document) -> dict[str, Any]:
    """Return the template context for a document of ``live.socket.asyncapi.describe``."""
    (server,) = document["servers"].values()
    base = f"{server['protocol']}://{server['host']}"
    return {
        "address": base + document["channels"]["classify"]["address"],
        "paragraphs": [
            _marked_up(paragraph)
            for paragraph in document["info"]["description"].partition("\n## ")[0].split("\n\n")
            if paragraph.strip()
        ],
        "keys": [_marked_up(server["description"])]
        + [_marked_up(scheme["description"]) for scheme in document["components"]["securitySchemes"].values()],
        "directions": list(_directions(document, base)),
        "errors": [
            {"code": code, "again": error["retryable"], "meaning": _marked_up(error["meaning"])}
            for code, error in document["x-error-codes"].items()
        ],
        "closes": [
            {"code": code, "again": close["reconnect"], "meaning": _marked_up(close["meaning"])}
            for code, close in document["x-close-codes"].items()
        ],
        "limits": [
            {"name": name, "value": limit["value"], "meaning": _marked_up(limit["meaning"])}
            for name, limit in document["x-limits"].items()
        ],
    }


def resolve(document: Document, node: Document) -> Document:
    """Follow the ``$ref`` of a node, if it has one. Raises KeyError if the target is missing."""
    while "$ref" in node:
        target: Any = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def _directions(document: Document, base: str) -> Iterator[dict[str, Any]]:
    """Yield each operation with its new messages, and the names of those already described."""
    seen: set[str] = set()
    for name, operation in document["operations"].items():
        messages = [_message(document, message) for message in operation["messages"]]
        yield {
            "id": name,
            "title": operation["summary"],
            "address": base + resolve(document, operation["channel"])["address"],
            "messages": [message for message in messages if message["name"] not in seen],
            "known": [message["name"] for message in messages if message["name"] in seen],
        }
        seen.update(message["name"] for message in messages)


def _message(document: Document, node: Document) -> dict[str, Any]:
    message = resolve(document, node)
    return {
        "name": message["name"],
        "summary": _marked_up(message["summary"]),
        "fields": list(_fields(document, message["payload"])),
        "example": json.dumps(message["examples"][0]["payload"], ensure_ascii=False),
    }


def _fields(document: Document, node: Document, prefix: str = "") -> Iterator[dict[str, Any]]:
    """Yield all fields except ``type`` (the message's name), each followed by its nested fields."""
    schema = resolve(document, node)
    for name, field in schema.get("properties", {}).items():
        if name == "type":
            continue
        yield {
            "name": prefix + name,
            "type": _type(document, field),
            "optional": name not in schema.get("required", ()),
            "description": _marked_up(field.get("description", "")),
        }
        items = resolve(document, field).get("items", {})
        if isinstance(items, dict) and "$ref" in items:
            yield from _fields(document, items, f"{prefix}{name}[].")
        else:
            yield from _fields(document, field, f"{prefix}{name}.")


def _type(document: Document, node: Document) -> str:
    schema = resolve(document, node)
    if "const" in schema:
        return json.dumps(schema["const"])
    if "anyOf" in schema:
        return " or ".join(_type(document, choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if schema["type"] == "array":
        items = schema["items"]
        return "pair of numbers" if isinstance(items, list) else f"array of {_type(document, items)}s"
    if len(schema.get("enum", ())) in range(1, 6):
        return " or ".join(json.dumps(choice) for choice in schema["enum"])
    return str(schema["type"])


def _marked_up(text: str) -> SafeString:
    """Return HTML in which `backticks` become code elements."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if odd % 2 else part,) for odd, part in enumerate(parts))
    )

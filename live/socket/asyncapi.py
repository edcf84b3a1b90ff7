"""The AsyncAPI 3 description of the WebSocket, generated from the classes that parse and encode its messages."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from live.access.authentication import BEARER_SUBPROTOCOL
from live.limits import Limits
from live.messages.client import ClientMessage, WatcherMessage
from live.messages.described import example_of, fit_schemas, subject
from live.messages.errors import CLOSE_MEANINGS, ERRORS, comes_back
from live.messages.protocol import SUBPROTOCOL
from live.messages.server import SERVER_MESSAGES, WATCHER_SERVER_MESSAGES
from model_core.classifier import ModelInfo
from model_core.options import described

CLIENT_MESSAGES: Final[tuple[type[BaseModel], ...]] = get_args(ClientMessage)
_WATCHER_MESSAGES: Final[tuple[type[BaseModel], ...]] = get_args(WatcherMessage)
_ALL_SERVER_MESSAGES: Final[tuple[type[BaseModel], ...]] = tuple(
    dict.fromkeys((*SERVER_MESSAGES, *WATCHER_SERVER_MESSAGES))
)
_ERRORS: Final = {code: kind for code, kind in ERRORS.items() if kind.over_websocket}

_DESCRIPTION: Final = f"""\
Offer the subprotocol `{SUBPROTOCOL}`. Every message is one JSON object in one text frame, with a `type`. Unknown \
fields are ignored.

The client always sends the whole text, with an increasing `seq`. A newer text replaces one that waits. The newest \
text is always answered, by a prediction or by an error with its `seq`. Predictions arrive in increasing `seq`. \
Nothing is resumed: after a reconnect, send the current text.

A typist may open a room with `room.open`. Others watch it at the room's own address, and cannot write.
"""

_NOT_OF_A_CLIENT: Final = frozenset({"max_frame_bytes", "max_body_bytes", "max_connections", "max_rooms"})
"""Limits that a client of the WebSocket cannot act on."""


def describe(
    host: str, secure: bool, require_key: bool, limits: Limits, model: ModelInfo | None = None
) -> dict[str, Any]:
    """Return the document as JSON values, for the server at ``host`` and its model; None is one of film ratings."""
    schemas = _schemas()
    fit_schemas(schemas, model)
    server: dict[str, Any] = {
        "host": host,
        "protocol": "wss" if secure else "ws",
        "description": "Keys are " + ("required." if require_key else "optional, and checked if sent."),
    }
    if require_key:
        server["security"] = [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY_SCHEMES]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Starcast",
            "version": "1.0.0",  # of the API, not of Starcast
            "description": f"{subject(model)} at every key. {_DESCRIPTION}\n"
            f"## Errors\n\n{_error_list()}\n## Close codes\n\n{_close_list()}",
        },
        "defaultContentType": "application/json",
        "servers": {"this": server},
        "channels": {
            "classify": {
                "address": "/ws/v1/classify/",
                "title": "Ratings as you type",
                **_channel((*CLIENT_MESSAGES, *SERVER_MESSAGES)),
            },
            "watch": {
                "address": "/ws/v1/watch/{room_id}/",
                "title": "Watching somebody type",
                "parameters": {"room_id": {"description": "The `room_id` from the typist's `room.opened`"}},
                **_channel((*_WATCHER_MESSAGES, *WATCHER_SERVER_MESSAGES)),
            },
        },
        # An operation says what the server does: it receives what clients send.
        "operations": {
            "receive": _operation("receive", "classify", "What the client sends", CLIENT_MESSAGES),
            "send": _operation("send", "classify", "What the server sends", SERVER_MESSAGES),
            "receiveFromWatcher": _operation("receive", "watch", "What a watcher sends", _WATCHER_MESSAGES),
            "sendToWatcher": _operation("send", "watch", "What a watcher receives", WATCHER_SERVER_MESSAGES),
        },
        "components": {
            "messages": {
                name_of(message): _message(message, model) for message in (*CLIENT_MESSAGES, *_ALL_SERVER_MESSAGES)
            },
            "schemas": schemas,
            "securitySchemes": _SECURITY_SCHEMES,
        },
        "x-error-codes": {
            code: {"meaning": kind.meaning, "retryable": kind.retryable} for code, kind in _ERRORS.items()
        },
        "x-close-codes": {
            str(code): {"meaning": meaning, "reconnect": comes_back(code)} for code, meaning in CLOSE_MEANINGS.items()
        },
        "x-limits": {
            name: {"meaning": field.description, "value": getattr(limits, name)}
            for name, field in described(Limits).items()
            if name not in _NOT_OF_A_CLIENT
        },
    }


def name_of(message: type[BaseModel]) -> str:
    """The ``type`` of a message class."""
    (name,) = get_args(message.model_fields["type"].annotation)
    return str(name)


_SECURITY_SCHEMES: Final[dict[str, dict[str, str]]] = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "Programs send `Authorization: Bearer KEY`, with a key or a short-lived token.",
    },
    "bearerSubprotocol": {
        "type": "httpApiKey",
        "in": "header",
        "name": "Sec-WebSocket-Protocol",
        "description": f"Browsers offer `{BEARER_SUBPROTOCOL}` and the key or token in base64url as a second "
        "subprotocol. It is never echoed.",
    },
}


class _Draft7(GenerateJsonSchema):
    """Writes tuples in JSON Schema draft 7, the dialect of AsyncAPI."""

    def tuple_schema(self, schema: core_schema.TupleSchema) -> JsonSchemaValue:
        described = super().tuple_schema(schema)
        if "prefixItems" in described:
            described["items"] = described.pop("prefixItems")
        return described


def _schemas() -> dict[str, Any]:
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((message, "validation") for message in CLIENT_MESSAGES),
        *((message, "serialization") for message in _ALL_SERVER_MESSAGES),
    ]
    _, described = models_json_schema(modes, ref_template="#/components/schemas/{model}", schema_generator=_Draft7)
    definitions: dict[str, Any] = described["$defs"]
    return definitions


def _message(message: type[BaseModel], model: ModelInfo | None) -> dict[str, Any]:
    extra: Any = message.model_config["json_schema_extra"]
    return {
        "name": name_of(message),
        "title": message.__name__,
        "summary": (message.__doc__ or "").replace("``", "`"),
        "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        "examples": [{"payload": example_of(example, model)} for example in extra["examples"]],
    }


def _channel(messages: Sequence[type[BaseModel]]) -> dict[str, Any]:
    return {
        "servers": [{"$ref": "#/servers/this"}],
        "messages": {name_of(message): {"$ref": f"#/components/messages/{name_of(message)}"} for message in messages},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }


def _operation(action: str, channel: str, summary: str, messages: Sequence[type[BaseModel]]) -> dict[str, Any]:
    return {
        "action": action,
        "summary": summary,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name_of(message)}"} for message in messages],
    }


def _error_list() -> str:
    return _bullets(
        f"`{code}`{' (retryable)' if kind.retryable else ''}: {kind.meaning}" for code, kind in _ERRORS.items()
    )


def _close_list() -> str:
    return _bullets(
        f"{code}{' (connect again)' if comes_back(code) else ''}: {meaning}" for code, meaning in CLOSE_MEANINGS.items()
    )


def _bullets(lines: Iterable[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)

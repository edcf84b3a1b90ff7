"""Messages from clients: one class each, and their parsers."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from live.limits import Limits
from live.messages.protocol import MAX_SEQ, ClientMessageBase, ProtocolError, Seq, Text, check_length, load_json
from live.messages.rooms import RoomClose, RoomOpen
from live.messages.validation import in_words
from model_core.plurals import counted

MAX_INTERVAL_MS: Final = 60_000


class TextUpdate(ClientMessageBase):
    """The whole text so far."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"type": "text.update", "seq": 17, "text": "A slow start, but a wonderful endi"}]
        }
    )

    type: Literal["text.update"]
    seq: Seq
    text: Annotated[Text, Field(description="The whole text, not only what was added")]


class Flush(ClientMessageBase):
    """Ask for a final answer to the newest text, without waiting for ``min_interval_ms``."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "flush", "seq": 17}]})

    type: Literal["flush"]
    seq: Seq


class Explain(ClientMessageBase):
    """Ask what the words and sentences of the text ``seq`` contribute."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "explain", "seq": 17, "partial": True}]})

    type: Literal["explain"]
    seq: Seq
    partial: Annotated[bool, Field(strict=True)] = Field(
        default=False, description="Whether to send what is known so far too, in explanations with `partial`"
    )


class SessionOptions(BaseModel):
    """Options of a connection."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    min_interval_ms: Annotated[int, Field(strict=True, ge=0, le=MAX_INTERVAL_MS)] = Field(
        default=0, description="Minimum time between two predictions, in milliseconds"
    )


class SessionUpdate(ClientMessageBase):
    """Change options; options left out do not change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "session.update", "session": {"min_interval_ms": 100}}]}
    )

    type: Literal["session.update"]
    session: SessionOptions = Field(description="The options to change")


class Cancel(ClientMessageBase):
    """Cancel the waiting text and any explanation. A text that is already being rated is still answered."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "cancel"}]})

    type: Literal["cancel"]


class Ping(ClientMessageBase):
    """Asks for a pong with the same id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "ping", "id": "a"}]})

    type: Literal["ping"]
    id: Annotated[Text, Field(max_length=128, description="Returned in the pong")] = ""


class AskUsage(ClientMessageBase):
    """Asks what this connection has used."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "usage"}]})

    type: Literal["usage"]


class Close(ClientMessageBase):
    """Asks the server to close. A typist gets its ``usage.report`` first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "close"}]})

    type: Literal["close"]


ClientMessage = TextUpdate | Flush | Explain | SessionUpdate | Cancel | Ping | AskUsage | Close | RoomOpen | RoomClose
WatcherMessage = Ping | Close
"""Messages from watchers."""

_CLIENT_MESSAGES: Final[TypeAdapter[ClientMessage]] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])
_WATCHER_MESSAGES: Final[TypeAdapter[WatcherMessage]] = TypeAdapter(
    Annotated[WatcherMessage, Field(discriminator="type")]
)
_CLIENT_TYPES: Final = (
    "text.update", "flush", "explain", "session.update", "cancel", "ping", "usage", "close", "room.open", "room.close",
)  # fmt: skip
_WATCHER_TYPES: Final = ("ping", "close")

_Message = TypeVar("_Message")


def parse_client_message(frame: str | None, limits: Limits) -> ClientMessage:
    """Parse one frame of a typist; None is a binary one. Raises ProtocolError, with the ``seq`` if the text has one."""
    message = _parse(frame, limits, _CLIENT_MESSAGES, _CLIENT_TYPES)
    if isinstance(message, TextUpdate):
        check_length(message.text, limits, message.seq)
    return message


def parse_watcher_message(frame: str | None, limits: Limits) -> WatcherMessage:
    """Parse one frame of a watcher; None is a binary one. Raises ProtocolError."""
    return _parse(frame, limits, _WATCHER_MESSAGES, _WATCHER_TYPES)


def _parse(frame: str | None, limits: Limits, messages: TypeAdapter[_Message], types: Sequence[str]) -> _Message:
    if frame is None:
        raise ProtocolError("binary_not_supported", "send JSON in text frames")
    if len(frame) > limits.max_message_bytes or (
        4 * len(frame) > limits.max_message_bytes and len(frame.encode()) > limits.max_message_bytes
    ):
        raise ProtocolError("too_large", f"a message may have {counted(limits.max_message_bytes, 'byte')}")
    content = load_json(frame)
    if not isinstance(content, dict):
        raise ProtocolError("bad_request", "a message is a JSON object")
    if content.get("type") not in types:
        raise ProtocolError("unknown_type", f"type must be one of {', '.join(types)}", param="type")
    try:
        return messages.validate_python(content)
    except ValidationError as error:
        raise _as_bad_request(error, content) from error


def _as_bad_request(error: ValidationError, content: dict[str, Any]) -> ProtocolError:
    first = error.errors(include_url=False, include_input=False)[0]
    # The location starts with the tag of the union.
    param = ".".join(str(part) for part in first["loc"][1:]) or None
    seq = content.get("seq") if content["type"] == "text.update" else None
    valid_seq = type(seq) is int and 0 <= seq <= MAX_SEQ
    return ProtocolError("bad_request", in_words(first, param), param, seq if valid_seq else None)

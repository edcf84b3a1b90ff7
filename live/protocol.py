"""The messages of ``starcast.v1``: what parses them, checks them, encodes them and describes them is one class each.

HTTP shares these classes, so that both speak of the same fields. docs/protocol.md is the contract in words.
"""

import json
from typing import Annotated, Any, Final, Literal

import pydantic_core
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from live.limits import Limits, shown_to_clients
from model_core.classifier import ModelInfo, Prediction
from model_core.errors import EngineError, ModelUnavailable, Overloaded
from model_core.labels import STARS
from model_core.text import replace_surrogates

SUBPROTOCOL: Final = "starcast.v1"
HEARTBEAT_INTERVAL_MS: Final = 25_000
MAX_SEQ: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

ErrorCode = Literal[
    "bad_json",
    "bad_request",
    "unknown_type",
    "binary_not_supported",
    "too_large",
    "text_too_long",
    "seq_not_increasing",
    "rate_limited",
    "overloaded",
    "model_unavailable",
    "internal",
    "server_full",
    "too_many_errors",
    "version_not_offered",
    "origin_refused",
    "unknown_path",
]

CLOSE_ASKED_FOR: Final = 1000
CLOSE_INTERNAL: Final = 4000
CLOSE_TOO_FAST: Final = 4008
CLOSE_SERVER_FULL: Final = 4010
CLOSE_UNDECODABLE: Final = 4502
CLOSE_VERSION_NOT_OFFERED: Final = 4512
CLOSE_ORIGIN_REFUSED: Final = 4520
CLOSE_UNKNOWN_PATH: Final = 4521


class ProtocolError(Exception):
    """A message that cannot be honoured; the connection goes on. ``param`` names the field at fault."""

    def __init__(self, code: ErrorCode, message: str, param: str | None = None, seq: int | None = None) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.param = param
        self.seq = seq

    @property
    def malformed(self) -> bool:
        """Whether the message itself was wrong, rather than its time or its size."""
        return self.code in ("bad_json", "bad_request", "unknown_type", "binary_not_supported")


def _as_unicode(value: Any) -> Any:
    return replace_surrogates(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_as_unicode)]
Seq = Annotated[int, Field(strict=True, ge=0, le=MAX_SEQ)]


class _ClientMessage(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class TextUpdate(_ClientMessage):
    """The whole text so far."""

    type: Literal["text.update"]
    seq: Seq
    text: Text


class Flush(_ClientMessage):
    """Answer again for the newest text, marked as final."""

    type: Literal["flush"]
    seq: Seq


class Cancel(_ClientMessage):
    """Forget the text that waits; one that is being rated is still answered."""

    type: Literal["cancel"]


class Ping(_ClientMessage):
    """Asks for a pong with the same id."""

    type: Literal["ping"]
    id: Annotated[Text, Field(max_length=128)] = ""


class Close(_ClientMessage):
    """Asks the server to close."""

    type: Literal["close"]


ClientMessage = TextUpdate | Flush | Cancel | Ping | Close
_CLIENT_MESSAGES: TypeAdapter[ClientMessage] = TypeAdapter(Annotated[ClientMessage, Field(discriminator="type")])
_CLIENT_TYPES: Final = ("text.update", "flush", "cancel", "ping", "close")


class _ServerMessage(BaseModel):
    model_config = ConfigDict(frozen=True)

    def encode(self) -> str:
        """JSON text of one frame; fields without a value are left out."""
        return self.model_dump_json(exclude_none=True)


class ModelDescription(BaseModel):
    """The model that answers."""

    name: str
    version: str
    sha256: str
    backend: str
    max_tokens: int


class SessionCreated(_ServerMessage):
    """The first message of every connection: all that a client must know."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    protocol: Literal["starcast.v1"] = SUBPROTOCOL
    labels: tuple[int, ...] = STARS
    prior: tuple[float, ...]
    model: ModelDescription
    heartbeat_interval_ms: int = HEARTBEAT_INTERVAL_MS
    limits: dict[str, int]
    offset_unit: Literal["unicode_code_point"] = "unicode_code_point"


class Rating(BaseModel):
    """What the model makes of one text; the same over WebSocket, HTTP and the command line."""

    model_config = ConfigDict(frozen=True)

    probabilities: tuple[float, ...] = Field(description="One for each label; they sum to 1")
    stars: int = Field(description="The most probable rating")
    expected_stars: float = Field(description="Mean of the distribution")
    interval: tuple[int, int] = Field(description="Stars that hold the central 80 % of the probability")
    positive: float = Field(description="Probability of 7 stars or more")
    tokens: int = Field(description="Tokens of the text that the model read")
    truncated: bool = Field(description="Whether the middle of the text was left out")
    is_prior: bool = Field(description="Nothing typed yet: these are the class frequencies of the training data")


class Timing(BaseModel):
    """Milliseconds that a text waited, and that the batch it was in took."""

    queue: float
    inference: float


class PredictionMessage(_ServerMessage, Rating):
    """The rating of the text ``seq``. ``skipped`` texts before it were passed over for newer ones."""

    type: Literal["prediction"] = "prediction"
    seq: int
    skipped: int
    is_final: bool
    timing_ms: Timing
    model_version: str


class Pong(_ServerMessage):
    """The answer to a ping."""

    type: Literal["pong"] = "pong"
    id: str


class ErrorBody(BaseModel):
    """What went wrong, for programs (``code``, ``param``, ``seq``, ``retryable``) and for people (``message``)."""

    code: ErrorCode
    message: str
    param: str | None = None
    seq: int | None = None
    retryable: bool


class ErrorReply(_ServerMessage):
    """An error over HTTP."""

    error: ErrorBody


class ErrorMessage(_ServerMessage):
    """An error over WebSocket; the connection stays open unless a close follows."""

    type: Literal["error"] = "error"
    error: ErrorBody


_RETRYABLE: Final = frozenset({"rate_limited", "overloaded", "model_unavailable", "internal", "server_full"})


def parse_client_message(frame: str, limits: Limits) -> ClientMessage:
    """Parse one text frame. Raises ProtocolError, with the ``seq`` where the frame has one."""
    if len(frame) > limits.max_message_bytes or (
        4 * len(frame) > limits.max_message_bytes and len(frame.encode()) > limits.max_message_bytes
    ):
        raise ProtocolError("too_large", f"a message may have {limits.max_message_bytes} bytes")
    content = load_json(frame)
    if not isinstance(content, dict):
        raise ProtocolError("bad_request", "a message is a JSON object")
    if content.get("type") not in _CLIENT_TYPES:
        raise ProtocolError("unknown_type", f"type must be one of {', '.join(_CLIENT_TYPES)}", param="type")
    try:
        message = _CLIENT_MESSAGES.validate_python(content)
    except ValidationError as error:
        raise _as_bad_request(error, content) from error
    if isinstance(message, TextUpdate):
        check_length(message.text, limits, message.seq)
    return message


def check_length(text: str, limits: Limits, seq: int | None = None) -> None:
    """Raise ProtocolError for a text of too many characters."""
    if len(text) > limits.max_chars:
        raise ProtocolError(
            "text_too_long", f"a text may have {limits.max_chars} characters, not {len(text)}", param="text", seq=seq
        )


def load_json(frame: str) -> Any:
    """Parse JSON whose nesting and numbers are bounded, lone surrogates and all."""
    try:
        return pydantic_core.from_json(frame)
    except ValueError as error:
        # The fast parser is right to refuse "\ud800", which is no Unicode; half an emoji in JavaScript looks like that.
        if "\\ud" not in frame.lower():
            raise ProtocolError("bad_json", f"not JSON: {error}") from error
    try:
        return json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("bad_json", f"not JSON: {error}") from error


def _as_bad_request(error: ValidationError, content: dict[str, Any]) -> ProtocolError:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # The location starts with the tag of the union.
    param = ".".join(str(part) for part in first["loc"][1:])
    seq = content.get("seq") if content["type"] == "text.update" else None
    valid_seq = type(seq) is int and 0 <= seq <= MAX_SEQ
    return ProtocolError("bad_request", first["msg"], param or None, seq if valid_seq else None)


def error_body(error: ProtocolError) -> ErrorBody:
    """The error object that WebSocket and HTTP share."""
    return ErrorBody(
        code=error.code,
        message=error.message,
        param=error.param,
        seq=error.seq,
        retryable=error.code in _RETRYABLE,
    )


def from_engine_error(error: EngineError, seq: int | None = None) -> ProtocolError:
    """What a client is told when the engine could not answer."""
    match error:
        case Overloaded():
            code: ErrorCode = "overloaded"
        case ModelUnavailable():
            code = "model_unavailable"
        case _:
            code = "internal"
    return ProtocolError(code, str(error), seq=seq)


def rating_fields(prediction: Prediction) -> dict[str, Any]:
    """The fields of ``Rating`` for a prediction."""
    return {name: getattr(prediction, name) for name in Rating.model_fields}


def session_created(session_id: str, model: ModelInfo, limits: Limits) -> SessionCreated:
    """The greeting of a connection."""
    return SessionCreated(
        session_id=session_id,
        prior=model.prior,
        model=ModelDescription(**{name: getattr(model, name) for name in ModelDescription.model_fields}),
        limits=shown_to_clients(limits),
    )

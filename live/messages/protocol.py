"""What all of ``starcast.v1`` shares, over WebSocket and HTTP: fields, the error object, the rating itself.

``client_messages`` and ``server_messages`` hold the messages. docs/protocol.md is the contract in words.
"""

import json
import math
from typing import Annotated, Any, Final

import pydantic_core
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from live.limits import Limits
from live.messages.errors import ERRORS, ErrorCode
from model_core.classifier import Prediction
from model_core.errors import EngineError, ModelUnavailable, Overloaded
from model_core.explain import METHOD, Explanation
from model_core.segmentation import Unit
from model_core.states import State
from model_core.text import replace_surrogates

SUBPROTOCOL: Final = "starcast.v1"
MAX_SEQ: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""


class ProtocolError(Exception):
    """A message that cannot be honoured; the connection goes on. ``param`` names the field at fault."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        param: str | None = None,
        seq: int | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.param = param
        self.seq = seq
        self.retry_after_ms = retry_after_ms

    @property
    def malformed(self) -> bool:
        """Whether the message itself was wrong, rather than its time or its size."""
        return ERRORS[self.code].malformed


def _as_unicode(value: Any) -> Any:
    return replace_surrogates(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_as_unicode)]
Seq = Annotated[int, Field(strict=True, ge=0, le=MAX_SEQ, description="Number of the text, chosen by the client")]


class ClientMessageBase(BaseModel):
    """Anything that a client sends."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ServerMessage(BaseModel):
    """Anything that is sent."""

    # What has a default is always sent all the same, but for what is None.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    def encode(self) -> str:
        """JSON text of one frame; fields without a value are left out."""
        return self.model_dump_json(exclude_none=True)


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
    legible: float | None = Field(
        default=None,
        description="How much of the text the model could read, 0 to 1; left out where its language is not English",
    )
    state: State = Field(
        description="What it amounts to: nothing that the model can read (`unreadable`), no opinion found "
        "(`no_opinion`), as likely positive as negative (`either_way`), one side likelier (`leans`) or clear (`says`)"
    )


class SpanBody(BaseModel):
    """A word, phrase or sentence of the text."""

    begin: int = Field(description="Its first character, counted in Unicode code points")
    end: int = Field(description="The character after its last one")
    weight: float = Field(description="Expected stars of the whole text less those of the text without this part")
    unit: Unit = Field(description="What it is; a phrase is several neighbouring words")


class Explained(BaseModel):
    """What the parts of one text contribute to its expected stars; the same over WebSocket and HTTP."""

    model_config = ConfigDict(frozen=True)

    method: str = Field(description="`leave_out`: each part in turn is left out, and the rest is rated")
    expected_stars: float = Field(description="Mean of the distribution for the whole text")
    spans: tuple[SpanBody, ...] = Field(description="In the order of the text, each sentence before its words")


class ErrorBody(BaseModel):
    """What went wrong, for programs (``code``, ``param``, ``seq``, ``retryable``) and for people (``message``)."""

    code: ErrorCode = Field(description="What went wrong, for programs")
    message: str = Field(description="What went wrong, for people; the words may change")
    param: str | None = Field(default=None, description="The field at fault, where one is")
    seq: int | None = Field(default=None, description="The text that this is the answer to, where it is one")
    retryable: bool = Field(description="Whether the same may succeed a little later")
    retry_after_ms: int | None = Field(
        default=None, description="Milliseconds until the same is within the rate again, where it is `rate_limited`"
    )


class ErrorReply(ServerMessage):
    """An error over HTTP."""

    error: ErrorBody


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


def error_body(error: ProtocolError) -> ErrorBody:
    """The error object that WebSocket and HTTP share."""
    return ErrorBody(
        code=error.code,
        message=error.message,
        param=error.param,
        seq=error.seq,
        retryable=ERRORS[error.code].retryable,
        retry_after_ms=error.retry_after_ms,
    )


def beyond_rate(message: str, wait_s: float, seq: int | None = None) -> ProtocolError:
    """What a client is told who has used up its rate, and may come back after a time."""
    return ProtocolError("rate_limited", message, seq=seq, retry_after_ms=math.ceil(wait_s * 1000))


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


def explained_fields(explanation: Explanation) -> dict[str, Any]:
    """The fields of ``Explained`` for an explanation."""
    return {
        "method": METHOD,
        "expected_stars": explanation.expected_stars,
        "spans": tuple(
            SpanBody(begin=part.begin, end=part.end, weight=round(part.weight, 4), unit=part.unit)
            for part in explanation.contributions
        ),
    }

"""What WebSocket and HTTP share in ``starcast.v1``: fields, the error object, and the rating.

The messages are in ``client``, ``server``, ``rooms`` and ``http``. docs/protocol.md describes them.
"""

import json
import math
from typing import Annotated, Any, Final, Literal

import pydantic_core
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from live.limits import Limits
from live.messages.errors import ERRORS, ErrorCode
from model_core.classifier import Prediction
from model_core.errors import BeyondRate, ComeBack, EngineError, ModelUnavailable, Overloaded
from model_core.explain import METHOD, Explanation
from model_core.labels import FILM_RATINGS, LabelSet, Task
from model_core.plurals import counted
from model_core.states import State
from model_core.text import replace_surrogates
from model_core.tokenization.segmentation import Unit

SUBPROTOCOL: Final = "starcast.v1"
MAX_SEQ: Final = 2**53 - 1
"""The largest integer that every JSON reader represents exactly."""
CHARSETS: Final = ("utf-8", "utf8", "utf_8", "us-ascii", "ascii")
"""Names of the charset of JSON, in lower case."""
_MOST_OUTSIDE_STRINGS: Final = 2_048
"""Characters outside of strings in a message. 64 texts with deep indentation have a thousand.

A megabyte of empty lists takes the event loop hundreds of milliseconds to parse, one of text takes a few.
"""


class ProtocolError(Exception):
    """A message that is answered by an error; the connection stays open. ``param`` names the invalid field."""

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
        """Whether the message itself was invalid, not only its time or size."""
        return ERRORS[self.code].malformed


def _as_unicode(value: Any) -> Any:
    return replace_surrogates(value) if isinstance(value, str) else value


Text = Annotated[str, BeforeValidator(_as_unicode)]
Seq = Annotated[int, Field(strict=True, ge=0, le=MAX_SEQ, description="Number of the text, chosen by the client")]


class ClientMessageBase(BaseModel):
    """Base of all messages from clients."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Answered(BaseModel):
    """Base of what the server sends. Fields that are None are left out: they are not required, and never null."""

    # Fields with a default are always sent, except None.
    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Take null from the schema, and what may be left out from what it requires."""
        described = handler(core)
        schema = handler.resolve_ref_schema(described)
        left_out = [name for name, field in cls.model_fields.items() if field.default is None]
        for name in left_out:
            schema["properties"][name] = without_null(schema["properties"][name])
        if "required" in schema:
            schema["required"] = [name for name in schema["required"] if name not in left_out]
        return described


def without_null(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Return the schema of a field that is left out where it has no value."""
    described = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    kinds = [kind for kind in schema["anyOf"] if kind.get("type") != "null"]
    return {**described, "anyOf": kinds} if len(kinds) > 1 else {**kinds[0], **described}


class ServerMessage(Answered):
    """Base of all messages from the server."""

    def encode(self) -> str:
        """JSON text of one frame, without the fields that are None."""
        return self.model_dump_json(exclude_none=True)


class LabelBody(Answered):
    """One label of the model."""

    id: int = Field(description="Its place in `probabilities`")
    name: str = Field(description="For people")
    value: int | float | None = Field(
        default=None, description="Its number, of films of stars; left out where labels have none"
    )


class Scale(Answered):
    """What probabilities are of; the same over WebSocket and HTTP."""

    task: Task = Field(
        description="Kind of the labels: `ratings` with a negative and a positive side, as of films, `ordinal` on a "
        "scale, or `nominal` in no order"
    )
    classes: tuple[LabelBody, ...] = Field(description="The labels of the probabilities, in order")


class Rating(Answered):
    """The rating of one text; the same over WebSocket, HTTP and the command line."""

    probabilities: tuple[float, ...] = Field(description="One for each label; they sum to 1")
    label: str = Field(description="Name of the most probable label")
    stars: int | None = Field(default=None, description="The most probable rating; film ratings only")
    expected_stars: float | None = Field(default=None, description="Mean of the distribution; film ratings only")
    expected_value: float | None = Field(
        default=None,
        description="Mean of the distribution, of films in stars; left out where labels have no values",
    )
    interval: tuple[int | float, int | float] | None = Field(
        default=None,
        description="Values, of films stars, at both ends of the central 80 % of the probability; left out where "
        "labels have no values",
    )
    positive: float | None = Field(
        default=None,
        description="Probability of the positive side, of films 7 stars or more; left out where labels have no sides",
    )
    tokens: int = Field(description="Tokens of the text that the model read")
    truncated: bool = Field(description="Whether the middle of the text was left out")
    is_prior: bool = Field(description="Nothing typed yet: these are the class frequencies of the training data")
    legible: float | None = Field(
        default=None,
        description="How much of the text the model could read, 0 to 1; left out where its language is not English",
    )
    state: State = Field(
        description="Summary: not readable for the model (`unreadable`), no opinion found (`no_opinion`), "
        "as likely positive as negative, or one label as another (`either_way`), one side or label likelier "
        "(`leans`) or clear (`says`)"
    )


class SpanBody(BaseModel):
    """A word, phrase or sentence of the text."""

    begin: int = Field(description="Start in the text, in Unicode code points")
    end: int = Field(description="End in the text (exclusive), in Unicode code points")
    weight: float = Field(
        description="What this part adds, counted in `counted_in` or stars; 0 if that does not stand out from noise"
    )
    unit: Unit = Field(description="Kind of part; a phrase is several neighbouring words")


class RangeBody(BaseModel):
    """Characters of the text."""

    begin: int = Field(description="Start in the text, in Unicode code points")
    end: int = Field(description="End in the text (exclusive), in Unicode code points")


class Explained(Answered):
    """What each part of one text contributes to its rating; the same over WebSocket and HTTP."""

    method: str = Field(description="`filler`: tokens without meaning replace the tokens of a part")
    expected_stars: float | None = Field(
        default=None, description="Expected stars of the whole text; film ratings only"
    )
    counted_in: Literal["values", "probability"] | None = Field(
        default=None,
        description="What weights are counted in: the expected value, or, where labels have no values, the "
        "probability of `label`; left out for film ratings, which are counted in stars",
    )
    label: str | None = Field(
        default=None, description="The label whose probability is explained: the most probable of the whole text"
    )
    value: float | None = Field(
        default=None, description="What is explained, of the whole text; left out for film ratings"
    )
    all_words: bool = Field(
        description="Whether the spans include every word that the model reads; only the strongest otherwise"
    )
    unread: tuple[RangeBody, ...] = Field(
        default=(), description="What the model does not read of a long text, in order"
    )
    spans: tuple[SpanBody, ...] = Field(description="In the order of the text, each sentence before its words")


class Used(Answered):
    """What was used; the same over WebSocket and HTTP."""

    texts: int = Field(description="Texts rated. Those that were skipped do not count")
    tokens: int = Field(description="Tokens of these texts that the model read")
    explanations: int = Field(description="Explanations")


class ErrorBody(Answered):
    """What went wrong, for programs (``code``, ``param``, ``seq``, ``retryable``) and for people (``message``)."""

    code: ErrorCode = Field(description="What went wrong, for programs")
    message: str = Field(description="What went wrong, for people; the wording may change")
    param: str | None = Field(default=None, description="The invalid field, if there is one")
    seq: int | None = Field(default=None, description="Number of the text, if this answers one")
    retryable: bool = Field(description="Whether the same message may succeed later")
    retry_after_ms: int | None = Field(
        default=None, description="Milliseconds to wait before trying again; only with `rate_limited` and `overloaded`"
    )


class ErrorReply(ServerMessage):
    """An error over HTTP."""

    error: ErrorBody


def check_length(text: str, limits: Limits, seq: int | None = None) -> None:
    """Raise ProtocolError if the text has too many characters."""
    if len(text) > limits.max_chars:
        raise ProtocolError(
            "text_too_long",
            f"a text may have {counted(limits.max_chars, 'character')}, not {len(text):,}",
            param="text",
            seq=seq,
        )


def load_json(frame: str) -> Any:
    """Parse JSON with bounded structure and numbers. Lone surrogates are allowed. Raises ProtocolError."""
    if len(frame) > _MOST_OUTSIDE_STRINGS and _is_intricate(frame):
        raise ProtocolError("bad_json", f"more than {_MOST_OUTSIDE_STRINGS:,} characters are outside of strings")
    try:
        return pydantic_core.from_json(frame)
    except ValueError as error:
        # The fast parser rejects a lone surrogate such as "\ud800", which JavaScript sends for half an emoji.
        if "\\ud" not in frame.lower():
            raise ProtocolError("bad_json", f"not JSON: {error}") from error
    try:
        return json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise ProtocolError("bad_json", f"not JSON: {error}") from error


def _is_intricate(frame: str) -> bool:
    unescaped = frame.replace("\\\\", "").replace('\\"', "")
    # Counted first, since splitting makes a string of each part.
    return (
        unescaped.count('"') > 2 * _MOST_OUTSIDE_STRINGS
        or sum(map(len, unescaped.split('"')[::2])) > _MOST_OUTSIDE_STRINGS
    )


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
    """The error for a client above its rate, which may try again after ``wait_s``."""
    return ProtocolError("rate_limited", message, seq=seq, retry_after_ms=math.ceil(wait_s * 1000))


def from_engine_error(error: EngineError, seq: int | None = None) -> ProtocolError:
    """The error for a text that the engine could not rate."""
    match error:
        case Overloaded():
            code: ErrorCode = "overloaded"
        case BeyondRate():
            code = "rate_limited"
        case ModelUnavailable():
            code = "model_unavailable"
        case _:
            code = "internal"
    retry_after_ms = math.ceil(error.retry_after_s * 1000) if isinstance(error, ComeBack) else None
    return ProtocolError(code, str(error), seq=seq, retry_after_ms=retry_after_ms)


def scale_fields(labels: LabelSet) -> dict[str, Any]:
    """The fields of ``Scale`` for the labels of a model."""
    values = labels.values or (None,) * len(labels)
    named = enumerate(zip(labels.names, values, strict=True))
    return {
        "task": labels.task,
        "classes": tuple(LabelBody(id=place, name=name, value=value) for place, (name, value) in named),
    }


FILM_SCALE: Final = Scale(**scale_fields(FILM_RATINGS))
"""The scale in examples."""


def sent_of_ratings(labels: LabelSet) -> dict[str, bool]:
    """Whether ratings have each of the fields that depend on the labels."""
    return {
        "stars": labels.is_film,
        "expected_stars": labels.is_film,
        "expected_value": labels.values is not None,
        "interval": labels.values is not None,
        "positive": labels.first_positive is not None,
    }


def rating_fields(prediction: Prediction) -> dict[str, Any]:
    """The fields of ``Rating`` for a prediction, without those that its labels do not have."""
    sent = sent_of_ratings(prediction.labels)
    return {name: getattr(prediction, name) for name in Rating.model_fields if sent.get(name, True)}


def explained_fields(explanation: Explanation) -> dict[str, Any]:
    """The fields of ``Explained`` for an explanation."""
    explained: dict[str, Any] = {"expected_stars": explanation.value}
    if explanation.counted_in != "stars":
        explained = {
            "counted_in": explanation.counted_in,
            "label": explanation.label,
            "value": explanation.value,
        }
    return {
        "method": METHOD,
        **explained,
        "all_words": explanation.all_words,
        "unread": tuple(RangeBody(begin=begin, end=end) for begin, end in explanation.unread),
        "spans": tuple(
            SpanBody(
                begin=part.begin,
                end=part.end,
                weight=round(part.weight, 4) if part.stands_out else 0.0,
                unit=part.unit,
            )
            for part in explanation.contributions
        ),
    }

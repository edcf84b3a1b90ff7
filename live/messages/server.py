"""Messages from the server: one class each."""

from dataclasses import asdict
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from live.limits import Limits, shown_to_clients
from live.messages.client import SessionOptions
from live.messages.protocol import (
    FILM_SCALE,
    SUBPROTOCOL,
    ErrorBody,
    Explained,
    Rating,
    Scale,
    ServerMessage,
    Used,
    scale_fields,
)
from live.messages.rooms import RoomClosed, RoomOpened, RoomState, RoomWatchers
from model_core.classifier import ModelInfo
from model_core.explain import METHOD
from model_core.labels import STARS
from model_core.options import described
from model_core.states import DEFAULT_STATES, StateThresholds

HEARTBEAT_INTERVAL_MS: Final = 25_000


def _threshold(name: str) -> Any:
    return Field(description=described(StateThresholds)[name].description)


class States(BaseModel):
    """Thresholds between the states of a prediction."""

    legible: float = _threshold("legible")
    clearly_legible: float = _threshold("clearly_legible")
    information: float = _threshold("information")
    either_way: float = _threshold("either_way")
    says: float = _threshold("says")


class ModelDescription(BaseModel):
    """The current model."""

    name: str
    version: str
    sha256: str = Field(description="Digest of the weights")
    backend: str = Field(description="Software that runs the model")
    max_tokens: int = Field(description="Maximum length of a text in tokens, including the special tokens")


class Described(Scale):
    """What clients are told of a model; the same over WebSocket and HTTP."""

    labels: tuple[int, ...] | None = Field(
        default=None, description="The stars of the probabilities, in order; film ratings only"
    )
    prior: tuple[float, ...] = Field(
        description="Frequency of each label in the training data, and the answer to an empty text"
    )
    model: ModelDescription = Field(description="The current model")
    states: States = Field(description="Thresholds of `state`")


class SessionCreated(ServerMessage, Described):
    """The first message of every connection: model, labels, thresholds and limits."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "session.created",
                    "session_id": "JvnB8kh58MBJ",
                    "protocol": SUBPROTOCOL,
                    **FILM_SCALE.model_dump(mode="json"),
                    "labels": list(STARS),
                    "prior": [0.2, 0.09, 0.1, 0.11, 0.1, 0.12, 0.09, 0.19],
                    "model": {
                        "name": "starcast-electra-6x384",
                        "version": "2026.11.29",
                        "sha256": "…",
                        "backend": "onnx",
                        "max_tokens": 512,
                    },
                    "states": asdict(DEFAULT_STATES),
                    "heartbeat_interval_ms": HEARTBEAT_INTERVAL_MS,
                    "limits": dict(shown_to_clients(Limits())),
                    "offset_unit": "unicode_code_point",
                }
            ]
        }
    )

    type: Literal["session.created"] = "session.created"
    session_id: str = Field(description="Identifies the connection in the server's logs")
    protocol: Literal["starcast.v1"] = SUBPROTOCOL
    heartbeat_interval_ms: int = Field(
        default=HEARTBEAT_INTERVAL_MS, description="Milliseconds without a message after which a client may send a ping"
    )
    limits: dict[str, int] = Field(description="Limits, in the units of their names")
    offset_unit: Literal["unicode_code_point"] = Field(
        default="unicode_code_point", description="Unit of `begin` and `end`"
    )


class ModelChanged(ServerMessage, Described):
    """From now on another model answers, which has other labels than the one before. Send the current text again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "model.changed",
                    "task": "ordinal",
                    "classes": [
                        {"id": 0, "name": "bad"},
                        {"id": 1, "name": "ok"},
                        {"id": 2, "name": "good"},
                    ],
                    "prior": [0.4, 0.2, 0.4],
                    "model": {
                        "name": "verdicts",
                        "version": "2026.11.24",
                        "sha256": "…",
                        "backend": "onnx",
                        "max_tokens": 512,
                    },
                    "states": asdict(DEFAULT_STATES),
                }
            ]
        }
    )

    type: Literal["model.changed"] = "model.changed"


class Timing(BaseModel):
    """Milliseconds that a text waited, and that its batch took."""

    queue: float = Field(description="Milliseconds of waiting for the model")
    inference: float = Field(description="Milliseconds in the model, for the whole batch")


class PredictionMessage(ServerMessage, Rating):
    """The rating of the text ``seq``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "prediction",
                    "seq": 17,
                    "skipped": 2,
                    "is_final": False,
                    "probabilities": [0.06, 0.03, 0.05, 0.07, 0.13, 0.21, 0.16, 0.29],
                    "label": "10",
                    "stars": 10,
                    "expected_stars": 7.49,
                    "expected_value": 7.49,
                    "interval": [3, 10],
                    "positive": 0.79,
                    "tokens": 9,
                    "truncated": False,
                    "is_prior": False,
                    "legible": 1.0,
                    "state": "leans",
                    "timing_ms": {"queue": 0.1, "inference": 8.3},
                    "model_version": "2026.11.29",
                }
            ],
        }
    )

    type: Literal["prediction"] = "prediction"
    seq: int = Field(description="Number of the rated text")
    skipped: int = Field(description="Texts replaced or cancelled since the previous prediction")
    is_final: bool = Field(description="Whether this answers a flush")
    timing_ms: Timing = Field(description="Times of this text in milliseconds")
    model_version: str = Field(description="Version of the model")


class ExplanationMessage(ServerMessage, Explained):
    """What each part of the text ``seq`` adds to its rating."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "explanation",
                    "seq": 17,
                    "method": METHOD,
                    "partial": False,
                    "expected_stars": 7.49,
                    "all_words": True,
                    "unread": [],
                    "spans": [
                        {"begin": 0, "end": 34, "weight": 2.37, "unit": "sentence"},
                        {"begin": 20, "end": 29, "weight": 2.09, "unit": "word"},
                    ],
                }
            ]
        }
    )

    type: Literal["explanation"] = "explanation"
    seq: int = Field(description="Number of the explained text")
    partial: bool = Field(default=False, description="Whether another explanation follows, with these spans and more")


class SessionUpdated(ServerMessage):
    """All options of the connection, after ``session.update``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "session.updated", "session": {"min_interval_ms": 100}}]}
    )

    type: Literal["session.updated"] = "session.updated"
    session: SessionOptions = Field(description="All options")


class SessionClosing(ServerMessage):
    """The server is about to close this connection; reconnect after ``retry_after_ms``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "session.closing", "reason": "restart", "retry_after_ms": 500}]}
    )

    type: Literal["session.closing"] = "session.closing"
    reason: Literal["restart"] = Field(default="restart", description="Why the server closes")
    retry_after_ms: int = Field(description="Milliseconds to wait before reconnecting; add a random time")


class Pong(ServerMessage):
    """The answer to a ping."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "pong", "id": "a"}]})

    type: Literal["pong"] = "pong"
    id: str = Field(description="The id of the ping")


class UsageReport(ServerMessage, Used):
    """What this connection has used so far, on request and before the close that the client asked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "usage.report", "texts": 34, "tokens": 310, "explanations": 2}]}
    )

    type: Literal["usage.report"] = "usage.report"


class ErrorMessage(ServerMessage):
    """An error over WebSocket; the connection stays open unless a close follows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "error",
                    "error": {
                        "code": "text_too_long",
                        "message": "a text may have 20,000 characters, not 20,001",
                        "param": "text",
                        "seq": 17,
                        "retryable": False,
                    },
                }
            ]
        }
    )

    type: Literal["error"] = "error"
    error: ErrorBody = Field(description="What went wrong")


SERVER_MESSAGES: Final[tuple[type[ServerMessage], ...]] = (
    SessionCreated,
    ModelChanged,
    PredictionMessage,
    ExplanationMessage,
    SessionUpdated,
    SessionClosing,
    RoomOpened,
    RoomWatchers,
    RoomClosed,
    Pong,
    UsageReport,
    ErrorMessage,
)
"""All messages to a typist, the greeting first."""

WATCHER_SERVER_MESSAGES: Final[tuple[type[ServerMessage], ...]] = (
    SessionCreated,
    RoomState,
    RoomClosed,
    SessionClosing,
    Pong,
    ErrorMessage,
)
"""All messages to a watcher, the greeting first."""


def description_fields(model: ModelInfo) -> dict[str, Any]:
    """The fields of ``Described`` for a model."""
    labels = model.labels
    return {
        **scale_fields(labels),
        "labels": labels.values if labels.is_film else None,
        "prior": model.prior,
        "model": ModelDescription(**{name: getattr(model, name) for name in ModelDescription.model_fields}),
        "states": States(**asdict(model.states)),
    }


def session_created(session_id: str, model: ModelInfo, limits: Limits) -> SessionCreated:
    """The greeting of a connection."""
    return SessionCreated(session_id=session_id, limits=shown_to_clients(limits), **description_fields(model))


def model_changed(model: ModelInfo) -> ModelChanged:
    """What connections are told when another model comes."""
    return ModelChanged(**description_fields(model))

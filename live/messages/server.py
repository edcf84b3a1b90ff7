"""What the server sends: one class for each message."""

from dataclasses import asdict
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from live.limits import Limits, shown_to_clients
from live.messages.client import SessionOptions
from live.messages.protocol import SUBPROTOCOL, ErrorBody, Explained, Rating, ServerMessage
from live.messages.rooms import RoomClosed, RoomOpened, RoomState, RoomWatchers
from model_core.classifier import ModelInfo
from model_core.explain import METHOD
from model_core.labels import STARS
from model_core.states import DEFAULT_STATES

HEARTBEAT_INTERVAL_MS: Final = 25_000


_ALWAYS_RATED: Final = [name for name in Rating.model_fields if name != "legible"]


class States(BaseModel):
    """Where one state of a prediction ends and the next begins."""

    legible: float = Field(description="`unreadable` below")
    information: float = Field(
        description="`no_opinion` below: the Kullback-Leibler divergence from `prior`, in nats, that the text brought"
    )
    either_way: float = Field(description="`either_way` up to this probability of the likelier side")
    says: float = Field(description="`says` from this probability of the likelier side; `leans` between the two")


class ModelDescription(BaseModel):
    """The model that answers."""

    name: str
    version: str
    sha256: str = Field(description="Of the weights")
    backend: str = Field(description="What runs it")
    max_tokens: int = Field(description="Tokens that it reads of one text; two of them mark beginning and end")


class SessionCreated(ServerMessage):
    """The first message of every connection: all that a client must know."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "session.created",
                    "session_id": "JvnB8kh58MBJ",
                    "protocol": SUBPROTOCOL,
                    "labels": list(STARS),
                    "prior": [0.2, 0.09, 0.1, 0.11, 0.1, 0.12, 0.09, 0.19],
                    "model": {
                        "name": "starcast-electra-6x384",
                        "version": "2025.01.31",
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
    session_id: str = Field(description="Names the connection in logs")
    protocol: Literal["starcast.v1"] = SUBPROTOCOL
    labels: tuple[int, ...] = Field(default=STARS, description="The stars that the probabilities stand for, in order")
    prior: tuple[float, ...] = Field(description="How often each label occurs: the answer to an empty text")
    model: ModelDescription = Field(description="The model that answers")
    states: States = Field(description="Thresholds of `state`")
    heartbeat_interval_ms: int = Field(
        default=HEARTBEAT_INTERVAL_MS, description="Silence after which a ping may ask whether the server is there"
    )
    limits: dict[str, int] = Field(description="What may be sent, in the units of the names")
    offset_unit: Literal["unicode_code_point"] = Field(
        default="unicode_code_point", description="What counts as a character"
    )


class Timing(BaseModel):
    """Milliseconds that a text waited, and that the batch it was in took."""

    queue: float = Field(description="Waiting for the model")
    inference: float = Field(description="In the model, with the texts that shared its turn")


class PredictionMessage(ServerMessage, Rating):
    """The rating of the text ``seq``. ``skipped`` texts before it were passed over for newer ones."""

    model_config = ConfigDict(
        json_schema_extra={
            # legible may be left out, where pydantic sees no more than a default.
            "required": ["type", "seq", "skipped", "is_final", *_ALWAYS_RATED, "timing_ms", "model_version"],
            "examples": [
                {
                    "type": "prediction",
                    "seq": 17,
                    "skipped": 2,
                    "is_final": False,
                    "probabilities": [0.01, 0.01, 0.02, 0.05, 0.18, 0.31, 0.19, 0.23],
                    "stars": 8,
                    "expected_stars": 8.04,
                    "interval": [7, 10],
                    "positive": 0.91,
                    "tokens": 9,
                    "truncated": False,
                    "is_prior": False,
                    "legible": 1.0,
                    "state": "says",
                    "timing_ms": {"queue": 0.1, "inference": 8.3},
                    "model_version": "2025.01.31",
                }
            ],
        }
    )

    type: Literal["prediction"] = "prediction"
    seq: int = Field(description="The text that this is the rating of")
    skipped: int = Field(description="Texts passed over since the prediction before: replaced or cancelled")
    is_final: bool = Field(description="Whether it answers a flush")
    timing_ms: Timing = Field(description="Where the time went, in milliseconds")
    model_version: str = Field(description="Version of the model that answered")


class ExplanationMessage(ServerMessage, Explained):
    """What parts of the text ``seq`` contribute to its expected stars."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "explanation",
                    "seq": 17,
                    "method": METHOD,
                    "expected_stars": 8.04,
                    "spans": [
                        {"begin": 0, "end": 13, "weight": -0.41, "unit": "sentence"},
                        {"begin": 2, "end": 6, "weight": -0.62, "unit": "word"},
                    ],
                }
            ]
        }
    )

    type: Literal["explanation"] = "explanation"
    seq: int = Field(description="The text that is explained")


class SessionUpdated(ServerMessage):
    """The options in force, after ``session.update``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "session.updated", "session": {"min_interval_ms": 100}}]}
    )

    type: Literal["session.updated"] = "session.updated"
    session: SessionOptions = Field(description="All options")


class SessionClosing(ServerMessage):
    """The server is about to close this connection; come back after ``retry_after_ms``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"type": "session.closing", "reason": "restart", "retry_after_ms": 500}]}
    )

    type: Literal["session.closing"] = "session.closing"
    reason: Literal["restart"] = Field(default="restart", description="Why the server closes")
    retry_after_ms: int = Field(description="Milliseconds to wait, and a random time on top")


class Pong(ServerMessage):
    """The answer to a ping."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "pong", "id": "a"}]})

    type: Literal["pong"] = "pong"
    id: str = Field(description="That of the ping")


class ErrorMessage(ServerMessage):
    """An error over WebSocket; the connection stays open unless a close follows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "error",
                    "error": {
                        "code": "text_too_long",
                        "message": "a text may have 20000 characters, not 20001",
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
    PredictionMessage,
    ExplanationMessage,
    SessionUpdated,
    SessionClosing,
    RoomOpened,
    RoomWatchers,
    RoomClosed,
    Pong,
    ErrorMessage,
)
"""All that a typist's connection may be sent, the greeting first."""

WATCHER_SERVER_MESSAGES: Final[tuple[type[ServerMessage], ...]] = (
    SessionCreated,
    RoomState,
    RoomClosed,
    SessionClosing,
    Pong,
    ErrorMessage,
)
"""All that a connection that watches may be sent, the greeting first."""


def session_created(session_id: str, model: ModelInfo, limits: Limits) -> SessionCreated:
    """The greeting of a connection."""
    return SessionCreated(
        session_id=session_id,
        prior=model.prior,
        model=ModelDescription(**{name: getattr(model, name) for name in ModelDescription.model_fields}),
        states=States(**asdict(model.states)),
        limits=shown_to_clients(limits),
    )

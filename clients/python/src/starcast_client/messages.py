"""The messages of ``starcast.v1`` as frozen dataclasses, and their JSON."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeVar

SUBPROTOCOL: Final = "starcast.v1"
LABELS: Final = (1, 2, 3, 4, 7, 8, 9, 10)
"""The possible star ratings of films."""
Label = int | str
"""The stars of a film, or the name of a label of another model."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_Message = TypeVar("_Message", "Limits", "Model", "States", "Timing", "Span", "ErrorInfo")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one connection; None if the server does not send it."""

    max_message_bytes: int | None = None
    max_chars: int | None = None
    """Maximum Unicode code points per text."""
    work_per_s: float | None = None
    """Units of work, about 0.1 ms of one core each."""
    work_burst: int | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """The server's model; ``sha256`` is the digest of its weights."""

    name: str
    version: str
    sha256: str
    max_tokens: int


@dataclass(frozen=True, slots=True)
class States:
    """Where one ``Rating.state`` ends and the next begins. None where the server does not say."""

    legible: float | None = None
    """``unreadable`` below."""
    clearly_legible: float | None = None
    """``no_opinion`` below, whatever the rating."""
    information: float | None = None
    """``no_opinion`` below: the Kullback-Leibler divergence of the probabilities from the prior, in nats."""
    either_way: float | None = None
    """``either_way`` up to this probability of the likelier side."""
    says: float | None = None
    """``says`` from this probability of the likelier side; ``leans`` between the two."""


@dataclass(frozen=True, slots=True)
class Session:
    """The greeting of a connection."""

    session_id: str
    protocol: str
    labels: tuple[Label, ...]
    """What each probability is for, in order."""
    prior: tuple[float, ...]
    """The answer to an empty text."""
    model: Model
    heartbeat_interval_ms: int
    limits: Limits
    offset_unit: str
    states: States = States()
    """Empty where the server is older than the states of ratings."""
    values: tuple[float, ...] | None = LABELS
    """The number that each label stands for; None where labels have none."""


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """The server has a model with other labels from now on."""

    labels: tuple[Label, ...]
    values: tuple[float, ...] | None
    prior: tuple[float, ...]
    model: Model
    states: States


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds that the text waited for the model, and that the model took."""

    queue: float
    inference: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The model's rating of one text."""

    text: str
    """The rated text, as it was sent."""
    labels: tuple[Label, ...] = LABELS
    """What each probability is for."""
    probabilities: tuple[float, ...]
    """One per label; they sum to 1."""
    label: Label
    """The most probable label: of films, its stars."""
    expected_value: float | None
    """Mean of the distribution: of films, in stars. None where labels have no values."""
    interval: tuple[float, float] | None
    """Values at both ends of the central 80 % of the probability. None where labels have no values."""
    positive: float | None
    """Probability of the positive side: of films, of 7 stars or more. None where labels have no sides."""
    tokens: int
    """Tokens of the text that the model read."""
    truncated: bool
    """Whether the text was too long for the model and was cut."""
    is_prior: bool
    """The text was empty: the probabilities are the session's prior."""
    model_version: str
    legible: float | None = None
    """How much of the text the model could read, 0 to 1; None where its language is not English, or the server is older
    than this field."""
    state: str | None = None
    """``unreadable``, ``no_opinion``, ``either_way``, ``leans`` or ``says``; None where the server is older."""

    @property
    def stars(self) -> int:
        """The most probable rating of a film. Raises TypeError if the model has other labels."""
        return int(self._of_films(self.label))

    @property
    def expected_stars(self) -> float:
        """Mean of the distribution. Raises TypeError if the model does not rate films."""
        return float(self._of_films(self.expected_value))

    def _of_films(self, value: Label | float | None) -> float:
        if not isinstance(self.label, int) or value is None or isinstance(value, str):
            raise TypeError(f"this model does not rate films: use `label` ({self.label!r}) in place of `stars`")
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRating(Rating):
    """A rating over WebSocket, which knows its place among the texts of its client."""

    seq: int
    """Increasing number of the text within this client."""
    is_final: bool
    """Whether this answers a ``flush``."""
    skipped: int
    """Number of texts skipped since the last rating."""
    timing_ms: Timing


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text, in code points, and what it adds to what is explained."""

    begin: int
    end: int
    weight: float
    """Of films, in stars; 0 if that does not stand out from noise."""
    unit: str
    """``word``, ``phrase`` or ``sentence``."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the parts of a text contribute to its rating, and the method used."""

    seq: int
    text: str
    method: str
    spans: tuple[Span, ...]
    expected_stars: float | None
    """The rating of the whole film review, if the server sends it."""
    all_words: bool | None = None
    """Whether every word that the model reads has a span, not only the strongest; None if the server does not say."""
    unread: tuple[tuple[int, int], ...] = ()
    """Begin and end of the parts of a long text that the model does not read, in code points."""
    counted_in: str = "stars"
    """What weights are counted in: ``stars``, ``values``, or the ``probability`` of ``label``."""
    label: str | None = None
    """The label whose probability is explained, where labels have no values."""


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """An error of the server. ``message`` is for people, the other fields are for programs."""

    code: str
    retryable: bool
    message: str = ""
    param: str | None = None
    seq: int | None = None
    retry_after_ms: int | None = None
    """Milliseconds to wait before retrying, if the server says so."""

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Pong:
    """The answer to a ping."""


@dataclass(frozen=True, slots=True)
class Closing:
    """The server is about to close. Reconnect after ``retry_after_ms``."""

    reason: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Prediction:
    """A rating not yet matched to its text."""

    seq: int
    content: Mapping[str, Any]

    def of(self, text: str, labels: tuple[Label, ...] = LABELS) -> LiveRating:
        """Return the rating with its ``text``."""
        content = self.content
        return LiveRating(
            **rating_fields(content),
            text=text,
            labels=labels,
            model_version=content["model_version"],
            timing_ms=_make(Timing, content["timing_ms"]),
            **{name: content[name] for name in ("seq", "is_final", "skipped")},
        )


@dataclass(frozen=True, slots=True)
class Explained:
    """An explanation not yet matched to its text."""

    seq: int
    content: Mapping[str, Any]

    def of(self, text: str) -> Explanation:
        """Return the explanation with its ``text``."""
        content = self.content
        return Explanation(
            seq=self.seq,
            text=text,
            method=content["method"],
            spans=tuple(_make(Span, {"unit": "word", **span}) for span in content["spans"]),
            expected_stars=content.get("expected_stars"),
            all_words=content.get("all_words"),
            unread=tuple((part["begin"], part["end"]) for part in content.get("unread", ())),
            counted_in=content.get("counted_in", "stars"),
            label=content.get("label"),
        )


ServerMessage = Session | ModelChanged | Prediction | Explained | ErrorInfo | Pong | Closing


def parse(frame: str | bytes) -> ServerMessage | None:
    """Parse one frame. Returns None for an unknown type. Raises ValueError if it is malformed."""
    try:
        content = json.loads(frame)
        match content["type"]:
            case "session.created":
                return _session(content)
            case "model.changed":
                return ModelChanged(
                    labels=labels_of(content),
                    values=values_of(content),
                    prior=tuple(content["prior"]),
                    model=_make(Model, content["model"]),
                    states=_make(States, content.get("states", {})),
                )
            case "prediction":
                prediction = Prediction(content["seq"], content)
                prediction.of("")
                return prediction
            case "explanation":
                explained = Explained(content["seq"], content)
                explained.of("")
                return explained
            case "error":
                return error_info(content["error"])
            case "pong":
                return Pong()
            case "session.closing":
                return Closing(content.get("reason", ""), content.get("retry_after_ms", 0))
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise ValueError(f"malformed message: {error!r}") from error
    return None


def rating_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a rating says over WebSocket and HTTP alike. Raises KeyError, IndexError, TypeError."""
    is_of_films = "stars" in content
    interval = content["interval"] if is_of_films else content.get("interval")
    return {
        "probabilities": tuple(content["probabilities"]),
        "label": content["stars" if is_of_films else "label"],
        "expected_value": content["expected_stars"] if is_of_films else content.get("expected_value"),
        "interval": interval and (interval[0], interval[1]),
        "positive": content["positive"] if is_of_films else content.get("positive"),
        "is_prior": content.get("is_prior", False),
        "legible": content.get("legible"),
        "state": content.get("state"),
        **{name: content[name] for name in ("tokens", "truncated")},
    }


def error_info(content: Mapping[str, Any]) -> ErrorInfo:
    """Return an error of the server. Raises TypeError."""
    return _make(ErrorInfo, content)


def encode(kind: str, **content: object) -> str:
    """Return one message as JSON."""
    return json.dumps({"type": kind, **content}, ensure_ascii=False)


def check_text(text: object) -> None:
    """Raise TypeError for what is no text, such as a missing one."""
    if not isinstance(text, str):
        raise TypeError(f"a text is a string, not {text!r}")


def as_unicode(text: str) -> str:
    """Replace each lone surrogate by U+FFFD, as the server does: UTF-8 cannot encode them."""
    return _LONE_SURROGATE.sub("\ufffd", text)


def labels_of(content: Mapping[str, Any]) -> tuple[Label, ...]:
    """Return the labels that a server tells: stars, or the names of other labels. Raises KeyError, TypeError."""
    return tuple(content["labels"]) if "labels" in content else tuple(each["name"] for each in content["classes"])


def values_of(content: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the number that each label stands for; None where labels have none. Raises KeyError, TypeError."""
    if "labels" in content:
        return tuple(content["labels"])
    values = tuple(each.get("value") for each in content["classes"])
    return None if None in values else values


def _session(content: Mapping[str, Any]) -> Session:
    return Session(
        session_id=content["session_id"],
        protocol=content["protocol"],
        labels=labels_of(content),
        values=values_of(content),
        prior=tuple(content.get("prior", ())),
        model=_make(Model, content["model"]),
        heartbeat_interval_ms=content["heartbeat_interval_ms"],
        limits=_make(Limits, content["limits"]),
        offset_unit=content["offset_unit"],
        states=_make(States, content.get("states", {})),
    )


def _make(kind: type[_Message], content: Mapping[str, Any]) -> _Message:
    # Unknown fields are ignored, as the protocol requires.
    return kind(**{field.name: content[field.name] for field in fields(kind) if field.name in content})

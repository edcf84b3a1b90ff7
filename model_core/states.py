"""The state of a prediction: its summary in one word. It depends only on this prediction, not on earlier ones."""

import math
from collections.abc import Sequence
from typing import Final, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from model_core.labels import FILM_RATINGS, LabelSet

State = Literal["unreadable", "no_opinion", "either_way", "leans", "says"]


@dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class StateThresholds:
    """Thresholds between the states. A checkpoint's ``config.json`` may set others.

    Raises ValidationError, a ValueError, for values out of range.
    """

    legible: float = Field(default=0.5, ge=0, le=1, description="`unreadable` if less of the text is legible.")
    clearly_legible: float = Field(
        default=0.96,
        ge=0,
        le=1,
        description="`no_opinion` if less of the text is legible, whatever its rating. By default, words must "
        "speak for English: those that speak neither for nor against it give 0.95.",
    )
    information: float = Field(
        default=0.15,
        ge=0,
        description="`no_opinion` below: the Kullback-Leibler divergence of the prediction from `prior`, in nats.",
    )
    either_way: float = Field(
        default=0.6,
        ge=0.5,
        le=1,
        description="`either_way` up to this probability of the likelier side. Where labels have no sides: up to this "
        "share of the most probable label in the two most probable ones.",
    )
    says: float = Field(
        default=0.8,
        ge=0.5,
        le=1,
        description="`says` from this probability of the likelier side, or of the most probable label. `leans` between "
        "the two. At least `either_way`.",
    )

    @model_validator(mode="after")
    def _in_order(self) -> "StateThresholds":
        if self.either_way > self.says:
            raise ValueError("either_way is above says")
        return self


DEFAULT_STATES: Final = StateThresholds()


def state_of(
    probabilities: Sequence[float],
    prior: Sequence[float],
    thresholds: StateThresholds,
    legible: float | None = None,
    is_prior: bool = False,
    labels: LabelSet = FILM_RATINGS,
) -> State:
    """Return the first state that applies, from ``unreadable`` to ``says``. ``legible`` is None if not known.

    Labels with a negative and a positive side are judged by their sides, others by the two likeliest labels.
    """
    if is_prior:
        return "no_opinion"
    if legible is not None and legible < thresholds.legible:
        return "unreadable"
    if legible is not None and legible < thresholds.clearly_legible:
        return "no_opinion"
    if information(probabilities, prior) < thresholds.information:
        return "no_opinion"
    if labels.first_positive is None:
        likelier, second = sorted(probabilities, reverse=True)[:2]
        lead = likelier / (likelier + second)
    else:
        positive = labels.positive(probabilities)
        lead = likelier = max(positive, 1 - positive)
    if lead <= thresholds.either_way:
        return "either_way"
    return "says" if likelier >= thresholds.says else "leans"


def information(probabilities: Sequence[float], prior: Sequence[float]) -> float:
    """Kullback-Leibler divergence of the prediction from the prior, in nats: what the text has added."""
    return sum(p * math.log(p / q) for p, q in zip(probabilities, prior, strict=True) if p > 0 and q > 0)

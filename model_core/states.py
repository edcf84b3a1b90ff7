"""The state of a prediction: its summary in one word. It depends only on this prediction, not on earlier ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from model_core.errors import CheckpointError
from model_core.labels import FILM_RATINGS, LabelSet

State = Literal["unreadable", "no_opinion", "either_way", "leans", "says"]


@dataclass(frozen=True, slots=True)
class StateThresholds:
    """Thresholds between the states. A checkpoint's ``config.json`` may set others."""

    legible: float = 0.5
    """``unreadable`` below."""
    information: float = 0.15
    """``no_opinion`` below: information in nats, see ``information``."""
    either_way: float = 0.6
    """``either_way`` up to this probability of the likelier side; without sides, of the likelier of two labels."""
    says: float = 0.8
    """``says`` from this probability of the likelier side or likeliest label; ``leans`` between the two."""

    def __post_init__(self) -> None:
        if not 0 <= self.legible <= 1 or not self.information >= 0 or not 0.5 <= self.either_way <= self.says <= 1:
            raise CheckpointError(
                "states of config.json are out of range: legible from 0 to 1, information 0 or more, "
                "0.5 <= either_way <= says <= 1"
            )


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

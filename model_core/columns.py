"""Predictions as columns of a table, for programs that rate tables of texts on many machines."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from model_core.classifier import Classifier, Prediction
from model_core.labels import STARS

COLUMNS: Final[dict[str, type]] = {
    "stars": int,
    "expected_stars": float,
    "positive": float,
    "interval_low": int,
    "interval_high": int,
    **{f"p_{stars}": float for stars in STARS},
    "tokens": int,
    "truncated": bool,
    "legible": float,
    "state": str,
    "model_version": str,
}
"""Names and types, in order; ``p_7`` is the probability of 7 stars. The columns of ``starcast score``."""

_TEXTS_A_BATCH: Final = 32


def rate_column(classifier: Classifier, texts: Sequence[str | None]) -> list[dict[str, Any]]:
    """Rate the texts of a column; a text that is empty, or None, has None in all columns.

    Texts of one length go through the model together, which changes no number.
    """
    rated: list[dict[str, Any]] = [dict.fromkeys(COLUMNS) for _ in texts]
    places = sorted((place for place, text in enumerate(texts) if text and text.strip()),
                    key=lambda place: len(texts[place] or ""))  # fmt: skip
    for batch in _batches(places):
        predictions = classifier.classify([texts[place] or "" for place in batch])
        for place, prediction in zip(batch, predictions, strict=True):
            rated[place] = _columns_of(prediction, classifier.info.version)
    return rated


def _batches(places: Sequence[int]) -> Iterator[Sequence[int]]:
    return (places[begin : begin + _TEXTS_A_BATCH] for begin in range(0, len(places), _TEXTS_A_BATCH))


def _columns_of(prediction: Prediction, version: str) -> dict[str, Any]:
    low, high = prediction.interval
    return {
        **{name: getattr(prediction, name) for name in COLUMNS if hasattr(prediction, name)},
        "interval_low": low,
        "interval_high": high,
        **{f"p_{stars}": share for stars, share in zip(STARS, prediction.probabilities, strict=True)},
        "model_version": version,
    }

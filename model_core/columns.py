"""Predictions as columns of a table, for programs that rate tables of texts on many machines."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from model_core.classifier import Classifier, Prediction
from model_core.labels import FILM_RATINGS, LabelSet


def columns_of(labels: LabelSet) -> dict[str, type]:
    """Return names and types, in order, as of ``starcast score`` without ``error``.

    ``p_7`` is the probability of the label 7.
    """
    value = int if labels.is_film else float
    first: dict[str, type] = {"label": str}
    if labels.is_film:
        first = {"stars": int, "expected_stars": float}
    elif labels.values is not None:
        first |= {"expected_value": float}
    if labels.first_positive is not None:
        first |= {"positive": float}
    if labels.values is not None:
        first |= {"interval_low": value, "interval_high": value}
    return {
        **first,
        **{f"p_{name}": float for name in labels.names},
        "tokens": int,
        "truncated": bool,
        "legible": float,
        "state": str,
        "model_version": str,
    }


COLUMNS: Final = columns_of(FILM_RATINGS)
"""The columns of film ratings."""

_TEXTS_A_BATCH: Final = 32


def rate_column(classifier: Classifier, texts: Sequence[str | None]) -> list[dict[str, Any]]:
    """Rate the texts of a column; a text that is empty, or None, has None in all columns.

    Texts of one length go through the model together, which changes no number.
    """
    columns = columns_of(classifier.info.labels)
    rated: list[dict[str, Any]] = [dict.fromkeys(columns) for _ in texts]
    places = sorted((place for place, text in enumerate(texts) if text and text.strip()),
                    key=lambda place: len(texts[place] or ""))  # fmt: skip
    for batch in _batches(places):
        predictions = classifier.classify([texts[place] or "" for place in batch])
        for place, prediction in zip(batch, predictions, strict=True):
            rated[place] = _cells_of(prediction, columns, classifier.info.version)
    return rated


def _batches(places: Sequence[int]) -> Iterator[Sequence[int]]:
    return (places[begin : begin + _TEXTS_A_BATCH] for begin in range(0, len(places), _TEXTS_A_BATCH))


def _cells_of(prediction: Prediction, columns: Iterable[str], version: str) -> dict[str, Any]:
    has_values = prediction.labels.values is not None
    low, high = prediction.interval if has_values else (None, None)
    shares = zip(prediction.labels.names, prediction.probabilities, strict=True)
    cells = {
        "interval_low": low,
        "interval_high": high,
        **{f"p_{name}": share for name, share in shares},
        "model_version": version,
    }
    return {name: cells[name] if name in cells else getattr(prediction, name) for name in columns}

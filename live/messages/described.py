"""Fits the descriptions of the API, which are written for film ratings, to the model that is served.

Fields that the model always sends become required. Fields that it never sends are removed.
"""

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from live.messages.protocol import Rating, Scale, rating_fields, scale_fields, sent_of_ratings, without_null
from live.messages.server import Described, description_fields
from model_core.checkpoint import ENGLISH
from model_core.classifier import ModelInfo, prediction_of
from model_core.labels import FILM_RATINGS, LabelSet

_NOT_OF_OTHERS: Final = frozenset(
    {"stars", "model_stars", "expected_stars", "expected_value", "interval", "positive", "legible", "labels"}
)
"""Fields of examples of film ratings that other models may not have."""
_OF_OTHERS: Final = "model.changed"
"""The message that is always of a model with other labels than the one that is served now."""
_SHARE: Final = 0.6
"""The probability of the first label in examples."""


def subject(model: ModelInfo | None) -> str:
    """Return what is served, to begin a sentence with. None is a model of film ratings."""
    if model is None or model.labels.is_film:
        return "Star ratings of film reviews"
    return f"Probabilities of {len(model.labels)} labels for a text"


def fit_schemas(schemas: dict[str, Any], model: ModelInfo | None) -> None:
    """Change the schemas of messages, by name, to what is sent with a model; None is one of film ratings."""
    labels = FILM_RATINGS if model is None else model.labels
    if "ModelChanged" in schemas:
        # Its labels are always others than those that are served now, and may have values where these have none.
        schemas["OtherLabelBody"] = {**schemas["LabelBody"], "properties": {**schemas["LabelBody"]["properties"]}}
        schemas["ModelChanged"]["properties"]["classes"]["items"]["$ref"] = "#/components/schemas/OtherLabelBody"
    for name, sent in _sent(labels, is_english=model is None or model.language == ENGLISH):
        if name in schemas:
            _fit(schemas[name], sent)
    if not labels.is_film and "FeedbackRequest" in schemas:
        schemas["FeedbackRequest"]["properties"]["label"]["enum"] = list(labels.names)
    for schema in schemas.values():
        if "examples" in schema:
            schema["examples"] = example_of(schema["examples"], model)
    if "PredictMany" in schemas and not labels.is_film:
        schemas["PredictMany"]["examples"] = [{"texts": [one["text"] for one in schemas["PredictOne"]["examples"]]}]


def example_of(example: Any, model: ModelInfo | None) -> Any:
    """Return an example of film ratings, in JSON values, as it is with a model; None is one of film ratings."""
    if model is None:
        return example
    if model.labels.is_film:
        return _fitted(example, frozenset() if model.language == ENGLISH else {"legible"}, {})
    return _fitted(example, _NOT_OF_OTHERS, _facts(model))


def _fitted(example: Any, left_out: Set[str], facts: Mapping[str, dict[str, Any]]) -> Any:
    if isinstance(example, list):
        return [_fitted(each, left_out, facts) for each in example]
    # Thresholds have names of fields, too.
    if not isinstance(example, dict) or example.get("type") == _OF_OTHERS or "says" in example:
        return example
    fitted = {name: _fitted(value, left_out, facts) for name, value in example.items() if name not in left_out}
    for name, fields in facts.items():
        if name in example:
            fitted |= fields
    return fitted


def _sent(labels: LabelSet, is_english: bool) -> Iterator[tuple[str, dict[str, bool]]]:
    """Yield names of schemas, and whether each of their fields that depend on the model is sent."""
    is_film, has_values = labels.is_film, labels.values is not None
    for name in ("PredictionMessage", "Rating", "RatedText", "RatedAnswer"):
        yield name, {**sent_of_ratings(labels), "legible": is_english}
    for name in ("ExplanationMessage", "Explained", "ExplainedAnswer"):
        yield name, {"expected_stars": is_film, "counted_in": not is_film, "value": not is_film,
                     "label": not has_values}  # fmt: skip
    for name in ("SessionCreated", "Model"):
        yield name, {"labels": is_film}
    yield "LabelBody", {"value": has_values}
    given = {"stars": is_film, "label": not is_film}
    yield "FeedbackRequest", given
    yield "FeedbackReply", {**given, "model_stars": is_film, "model_label": not is_film}
    if is_film:
        yield "RoomState", {"task": False, "classes": False}


def _fit(schema: dict[str, Any], sent: dict[str, bool]) -> None:
    fields = schema["properties"]
    for name, is_sent in sent.items():
        if not is_sent:
            del fields[name]
        elif "anyOf" in fields[name]:
            fields[name] = without_null(fields[name])
    required = {*schema.get("required", ()), *sent}
    schema["required"] = [name for name in fields if name in required]


def _facts(model: ModelInfo) -> dict[str, dict[str, Any]]:
    """Return the fields that replace those of film ratings, by the field of an example that calls for them."""
    labels = model.labels
    others = (round((1 - _SHARE) / (len(labels) - 1), 4),) * (len(labels) - 1)
    legible = 1.0 if model.language == ENGLISH else None
    prediction = prediction_of(model, (_SHARE, *others), 9, truncated=False, legible=legible)
    rating = Rating(**rating_fields(prediction)).model_dump(mode="json", exclude_none=True)
    scale = Scale(**scale_fields(labels)).model_dump(mode="json", exclude_none=True)
    explained = {"counted_in": "probability", "label": prediction.label, "value": _SHARE}
    if labels.values is not None:
        explained = {"counted_in": "values", "value": rating["expected_value"]}
    text = model.page.examples[0] if model.page is not None and model.page.examples else "A text."
    return {
        "text": {"text": text},
        "stars": {"label": prediction.label},
        "model_stars": {"model_label": prediction.label},
        "probabilities": rating,
        "classes": scale,
        "rating": scale,
        "prior": Described(**description_fields(model)).model_dump(mode="json", exclude_none=True),
        "spans": explained,
        "weight": {"weight": 0.21},
    }

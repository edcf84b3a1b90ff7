"""Messages of the HTTP API only: several texts at once, and the description of the model."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from live.limits import Limits, shown_to_clients
from live.messages.protocol import ErrorReply, Explained, Rating, Scale, Text, Used
from live.messages.server import Described, description_fields
from model_core.classifier import ModelInfo

MAX_TEXTS: Final = 64
"""Maximum number of texts in one request."""


class PredictOne(BaseModel):
    """One text to rate."""

    model_config = ConfigDict(
        json_schema_extra={"not": {"type": "object", "required": ["texts"]}, "examples": [{"text": "A fine film."}]}
    )

    text: Text = Field(description="The whole text")


class PredictMany(BaseModel):
    """Several texts to rate."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"type": "object", "required": ["text"]},
            "examples": [{"texts": ["A fine film.", "A waste of two hours."]}],
        }
    )

    texts: list[Text] = Field(min_length=1, max_length=MAX_TEXTS, description="The whole texts")

    @model_validator(mode="before")
    @classmethod
    def _one_or_many(cls, content: Any) -> Any:
        if isinstance(content, dict) and "text" in content:
            raise ValueError('send "text" or "texts", not both')
        return content


ONE: Final = "one text"
MANY: Final = "many texts"
"""Tags of the two kinds of request. They differ from all field names, so that an error's location is clear."""


def _kind(content: Any) -> str:
    return MANY if isinstance(content, dict) and "texts" in content else ONE


PredictRequest = Annotated[Annotated[PredictOne, Tag(ONE)] | Annotated[PredictMany, Tag(MANY)], Discriminator(_kind)]


class ExplainRequest(BaseModel):
    """One text to explain."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "A slow start, but a wonderful ending."}]})

    text: Text = Field(description="The whole text")


class RatedText(Rating):
    """The rating of one text, and the model that gave it."""

    model_version: str = Field(description="Version of the model")


class RatedAnswer(Scale, RatedText):
    """The rating of one text, and what its probabilities are of."""


class ExplainedAnswer(Scale, Explained):
    """What the parts of one text add to its rating, and the model of which this is."""

    model_version: str = Field(description="Version of the model")


class Ratings(Scale):
    """One rating or one error for each text, in the order of the texts."""

    results: list[RatedText | ErrorReply]


class ReferenceUsage(Used):
    """What was used by tokens of one reference."""

    reference: str = Field(description="The `reference` of the tokens; empty for the key itself and tokens without one")


class KeyUsage(Used):
    """What a key used in the last days, today included, in all and by reference."""

    days: int = Field(description="Number of days, in UTC")
    references: list[ReferenceUsage] = Field(description="At most 1000, those with most texts first")


class Model(Described):
    """The model, its labels, and the limits."""

    limits: dict[str, int] = Field(description="Limits, in the units of their names")
    offset_unit: Literal["unicode_code_point"] = "unicode_code_point"


def model_reply(info: ModelInfo, limits: Limits) -> Model:
    """Describe the current model."""
    return Model(limits=shown_over_http(limits), **description_fields(info))


def shown_over_http(limits: Limits) -> dict[str, int]:
    """Return the limits that ``Model`` contains."""
    return {**shown_to_clients(limits), "max_body_bytes": limits.max_body_bytes, "max_texts": MAX_TEXTS}

"""Feedback requests and how they are stored."""

import logging
from typing import Annotated, Any, Final, Literal

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from live.http.feedback_room import feedback_room
from live.limits import get_limits
from live.messages.http import RatedAnswer
from live.messages.protocol import Answered, ProtocolError, Text
from live.models import Feedback

logger = logging.getLogger(__name__)


def _of_type(kind: type) -> BeforeValidator:
    """Python, and so Pydantic's literals, take ``True`` for 1 and 1 for ``True``."""

    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise PydanticCustomError("type", "must be {what}", {"what": "an integer" if kind is int else "a boolean"})
        return value

    return BeforeValidator(check)


_WORDS: Final = r"\S"
"""Repeated as a pattern because Pydantic leaves the validator of the type out of the schema."""


class FeedbackRequest(BaseModel):
    """A text, a person's rating of it, and their consent to store it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "A fine film.", "stars": 8, "consent": True, "language": "en"}]}
    )

    text: Annotated[Text, Field(pattern=_WORDS, description="The whole text", json_schema_extra={"pattern": _WORDS})]
    stars: Annotated[Literal[1, 2, 3, 4, 7, 8, 9, 10], _of_type(int)] | None = Field(
        default=None, description="What the person would give it; required by a model of film ratings"
    )
    label: str | None = Field(
        default=None, description="Name of the label that the person would give it; required by other models"
    )
    consent: Annotated[Literal[True], _of_type(bool)] = Field(
        description="That the person has agreed to the text being kept"
    )
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{1,8})?)?$")] = Field(
        default="", description="Language of the page that asked, such as `en`"
    )


class FeedbackReply(Answered):
    """Confirmation, with the model's rating."""

    stored: Literal[True] = Field(default=True, description="That it is kept")
    stars: int | None = Field(default=None, description="What the person would give it; film ratings only")
    model_stars: int | None = Field(
        default=None, description="The rating that the model holds likeliest; film ratings only"
    )
    label: str | None = Field(default=None, description="What the person would give it; left out for film ratings")
    model_label: str | None = Field(
        default=None, description="The label that the model holds likeliest; left out for film ratings"
    )
    model_version: str = Field(description="Version of the model")


async def store(request: FeedbackRequest, rating: RatedAnswer, address: str) -> FeedbackReply:
    """Store feedback of an address, which is not stored.

    Raises ProtocolError if the person's opinion is none of the model's labels, if there is no room for it, or if the
    database is locked, full or down.
    """
    given = _opinions(request, rating)
    # PostgreSQL rejects NUL in texts.
    text = request.text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    feedback = Feedback(
        text=text,
        size=len(text.encode()),
        **given,
        expected_stars=rating.expected_stars,
        probabilities=list(rating.probabilities),
        model_version=rating.model_version,
        language=request.language,
    )
    try:
        await feedback_room.take(address, feedback.size, get_limits())
        await database_sync_to_async(feedback.save)()
    except DatabaseError as error:
        # No traceback: some databases quote the row.
        logger.error("feedback could not be stored: %s", error)
        raise ProtocolError("storage_unavailable", "this could not be stored; try again later") from error
    return FeedbackReply(**given, model_version=rating.model_version)


def _opinions(request: FeedbackRequest, rating: RatedAnswer) -> dict[str, Any]:
    """Return what the person and the model say, in stars or by names of labels. Raises ProtocolError."""
    if rating.stars is not None:
        if request.stars is None:
            raise ProtocolError("bad_request", "stars is missing", "stars")
        return {"stars": request.stars, "model_stars": rating.stars}
    if request.label not in {label.name for label in rating.classes}:
        raise ProtocolError("bad_request", "label must be the name of one of the model's classes", "label")
    return {"label": request.label, "model_label": rating.label}

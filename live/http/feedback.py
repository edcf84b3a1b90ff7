"""Feedback requests and how they are stored."""

from typing import Annotated, Final, Literal

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from pydantic import BaseModel, ConfigDict, Field

from live.messages.protocol import ProtocolError, Rating, Text
from live.models import Feedback

FEEDBACK_COST: Final = 60
"""Cost in texts of the address's rate: feedback stays on disk."""

_WORDS: Final = r"\S"
"""Repeated as a pattern because Pydantic leaves the validator of the type out of the schema."""


class FeedbackRequest(BaseModel):
    """A text, a person's rating of it, and their consent to store it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "A fine film.", "stars": 8, "consent": True, "language": "en"}]}
    )

    text: Annotated[Text, Field(pattern=_WORDS, description="The whole text", json_schema_extra={"pattern": _WORDS})]
    stars: Literal[1, 2, 3, 4, 7, 8, 9, 10] = Field(description="What the person would give it")
    consent: Literal[True] = Field(description="That the person has agreed to the text being kept")
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{1,8})?)?$")] = Field(
        default="", description="Language of the page that asked, such as `en`"
    )


class FeedbackReply(BaseModel):
    """Confirmation, with the model's rating."""

    stored: Literal[True] = Field(default=True, description="That it is kept")
    stars: int = Field(description="What the person would give it")
    model_stars: int = Field(description="The rating that the model holds likeliest")


async def store(request: FeedbackRequest, rating: Rating, model_version: str) -> FeedbackReply:
    """Store feedback. Raises ProtocolError if the database is locked, full or down."""
    feedback = Feedback(
        # PostgreSQL rejects NUL in texts.
        text=request.text.replace("\0", "\N{REPLACEMENT CHARACTER}"),
        stars=request.stars,
        model_stars=rating.stars,
        expected_stars=rating.expected_stars,
        probabilities=list(rating.probabilities),
        model_version=model_version,
        language=request.language,
    )
    try:
        await database_sync_to_async(feedback.save)()
    except DatabaseError as error:
        # No traceback: some databases quote the row.
        raise ProtocolError("storage_unavailable", "this could not be stored; try again later") from error
    return FeedbackReply(stars=request.stars, model_stars=rating.stars)

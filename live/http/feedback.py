"""Feedback requests and how they are stored."""

from typing import Annotated, Any, Final, Literal

from channels.db import database_sync_to_async
from django.db import Error as DatabaseError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from live.http.feedback_room import feedback_room
from live.limits import get_limits
from live.messages.http import RatedText
from live.messages.protocol import ProtocolError, Text
from live.models import Feedback


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
    stars: Annotated[Literal[1, 2, 3, 4, 7, 8, 9, 10], _of_type(int)] = Field(
        description="What the person would give it"
    )
    consent: Annotated[Literal[True], _of_type(bool)] = Field(
        description="That the person has agreed to the text being kept"
    )
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{1,8})?)?$")] = Field(
        default="", description="Language of the page that asked, such as `en`"
    )


class FeedbackReply(BaseModel):
    """Confirmation, with the model's rating."""

    stored: Literal[True] = Field(default=True, description="That it is kept")
    stars: int = Field(description="What the person would give it")
    model_stars: int = Field(description="The rating that the model holds likeliest")


async def store(request: FeedbackRequest, rating: RatedText, address: str) -> FeedbackReply:
    """Store feedback of an address, which is not stored.

    Raises ProtocolError if there is no room for it, or the database is locked, full or down.
    """
    # PostgreSQL rejects NUL in texts.
    text = request.text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    feedback = Feedback(
        text=text,
        size=len(text.encode()),
        stars=request.stars,
        model_stars=rating.stars,
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
        raise ProtocolError("storage_unavailable", "this could not be stored; try again later") from error
    return FeedbackReply(stars=request.stars, model_stars=rating.stars)

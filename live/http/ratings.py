"""Rates and explains texts of HTTP requests: single texts like keys, many texts and explanations in the background."""

import asyncio
from collections.abc import Sequence
from typing import Final

from live.limits import Limits
from live.messages.http import RatedText, Ratings
from live.messages.protocol import (
    ErrorReply,
    Explained,
    ProtocolError,
    check_length,
    error_body,
    explained_fields,
    from_engine_error,
    rating_fields,
)
from model_core.engine import Engine
from model_core.errors import EngineError
from model_core.explain import explain
from model_core.ticket import Asker

_AT_ONCE: Final = 8
"""Texts of one bulk request that wait for the model: enough for a batch, and no more than another request's turn."""


async def rate(engine: Engine, text: str, asker: Asker, background: bool = False) -> RatedText:
    """Rate one text. Raises ProtocolError."""
    try:
        answer = await engine.classify(text, asker=asker, background=background)
    except EngineError as error:
        raise from_engine_error(error) from error
    return RatedText(**rating_fields(answer.prediction), model_version=answer.model.version)


async def explain_text(engine: Engine, text: str, asker: Asker) -> Explained:
    """Explain one text in the background. Raises ProtocolError."""
    try:
        explanation = await explain(engine, text, asker)
    except EngineError as error:
        raise from_engine_error(error) from error
    return Explained(**explained_fields(explanation))


async def rate_many(engine: Engine, texts: Sequence[str], limits: Limits, asker: Asker) -> Ratings:
    """Rate texts in the background, a few at a time. A text that fails has an error in its place.

    Raises ProtocolError if many requests of the asker's group wait.
    """
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(number: int, text: str) -> RatedText | ErrorReply:
        try:
            check_length(text, limits)
            async with room:
                return await rate(engine, text, asker, background=True)
        except ProtocolError as error:
            at_fault = f"texts.{number}" if error.param is not None else None
            return ErrorReply(error=error_body(ProtocolError(error.code, error.message, at_fault)))

    try:
        async with engine.jobs.turn(asker.group):
            return Ratings(results=await asyncio.gather(*(one(number, text) for number, text in enumerate(texts))))
    except EngineError as error:
        raise from_engine_error(error) from error

"""Rates and explains texts of HTTP requests: single texts like keys, many texts and explanations in the background."""

import asyncio
from collections.abc import Sequence

from live.limits import Limits
from live.messages.http import Ratings
from live.messages.protocol import (
    ErrorReply,
    Explained,
    ProtocolError,
    Rating,
    check_length,
    error_body,
    explained_fields,
    from_engine_error,
    rating_fields,
)
from model_core.engine import Engine
from model_core.errors import EngineError
from model_core.explain import explain


async def rate(engine: Engine, text: str, background: bool = False) -> Rating:
    """Rate one text. Raises ProtocolError."""
    try:
        answer = await engine.classify(text, background=background)
    except EngineError as error:
        raise from_engine_error(error) from error
    return Rating(**rating_fields(answer.prediction))


async def explain_text(engine: Engine, text: str) -> Explained:
    """Explain one text in the background. Raises ProtocolError."""
    try:
        explanation = await explain(engine, text)
    except EngineError as error:
        raise from_engine_error(error) from error
    return Explained(**explained_fields(explanation))


async def rate_many(engine: Engine, texts: Sequence[str], limits: Limits) -> Ratings:
    """Rate texts in the background. A text that fails has an error in its place."""

    async def one(number: int, text: str) -> Rating | ErrorReply:
        try:
            check_length(text, limits)
            return await rate(engine, text, background=True)
        except ProtocolError as error:
            at_fault = f"texts.{number}" if error.param is not None else None
            return ErrorReply(error=error_body(ProtocolError(error.code, error.message, at_fault)))

    return Ratings(results=await asyncio.gather(*(one(number, text) for number, text in enumerate(texts))))

"""Rates and explains texts of HTTP requests: single texts like keys, many texts and explanations in the background."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from live.limits import Limits
from live.messages.http import ExplainedAnswer, RatedAnswer, RatedText, Ratings
from live.messages.protocol import (
    ErrorReply,
    ProtocolError,
    check_length,
    error_body,
    explained_fields,
    from_engine_error,
    rating_fields,
    scale_fields,
)
from model_core.engine import Engine
from model_core.errors import EngineError
from model_core.explain import explain
from model_core.ticket import Answer, Asker

_AT_ONCE: Final = 8
"""Texts of one bulk request that wait for the model: enough for a batch, and no more than another request's turn."""


async def rate(engine: Engine, text: str, asker: Asker) -> RatedAnswer:
    """Rate one text. Raises ProtocolError."""
    answer = await _answer(engine, text, asker)
    return RatedAnswer(**_rated(answer), **scale_fields(answer.model.labels))


async def _answer(engine: Engine, text: str, asker: Asker, background: bool = False) -> Answer:
    try:
        return await engine.classify(text, asker=asker, background=background)
    except EngineError as error:
        raise from_engine_error(error) from error


def _rated(answer: Answer) -> dict[str, Any]:
    return {**rating_fields(answer.prediction), "model_version": answer.model.version}


async def explain_text(engine: Engine, text: str, asker: Asker) -> ExplainedAnswer:
    """Explain one text in the background. Raises ProtocolError."""
    try:
        explanation = await explain(engine, text, asker)
    except EngineError as error:
        raise from_engine_error(error) from error
    model = explanation.model
    return ExplainedAnswer(**explained_fields(explanation), **scale_fields(model.labels), model_version=model.version)


async def rate_many(engine: Engine, texts: Sequence[str], limits: Limits, asker: Asker) -> Ratings:
    """Rate texts in the background, a few at a time. A text that fails has an error in its place.

    Raises ProtocolError if many requests of the asker's group wait.
    """
    room = asyncio.Semaphore(_AT_ONCE)
    labels = engine.info.labels

    async def one(number: int, text: str) -> RatedText | ErrorReply:
        try:
            check_length(text, limits)
            async with room:
                answer = await _answer(engine, text, asker, background=True)
            if answer.model.labels != labels:
                raise ProtocolError("model_unavailable", "the model was replaced meanwhile; try again")
            return RatedText(**_rated(answer))
        except ProtocolError as error:
            at_fault = f"texts.{number}" if error.param is not None else None
            return ErrorReply(error=error_body(error).model_copy(update={"param": at_fault}))

    try:
        async with engine.jobs.turn(asker.group):
            results = await asyncio.gather(*(one(number, text) for number, text in enumerate(texts)))
            return Ratings(results=results, **scale_fields(labels))
    except EngineError as error:
        raise from_engine_error(error) from error

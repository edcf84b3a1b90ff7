"""The HTTP twin of the WebSocket: the same model, limits, fields and errors."""

import logging

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import BaseModel, ValidationError

from live.engine import get_engine
from live.limits import get_limits
from live.protocol import (
    ErrorCode,
    ErrorReply,
    ProtocolError,
    Rating,
    Text,
    check_length,
    error_body,
    from_engine_error,
    load_json,
    rating_fields,
)
from model_core.errors import CheckpointError, EngineError

logger = logging.getLogger(__name__)

_STATUS: dict[ErrorCode, int] = {
    "too_large": 413,
    "text_too_long": 413,
    "overloaded": 503,
    "model_unavailable": 503,
    "internal": 500,
}


class PredictRequest(BaseModel):
    """A text to rate."""

    text: Text


@csrf_exempt  # No cookie means anything here, so there is nothing to forge.
@require_POST
async def predict(request: HttpRequest) -> HttpResponse:
    """Rate one text: ``{"text": "…"}`` to the fields of ``Rating``."""
    limits = get_limits()
    too_large = ProtocolError("too_large", f"a request may have {limits.max_message_bytes} bytes")
    try:
        if len(request.body) > limits.max_message_bytes:
            raise too_large
        body = PredictRequest.model_validate(load_json(request.body.decode("utf-8", "replace")))
        check_length(body.text, limits)
        answer = await get_engine().classify(body.text)
    except RequestDataTooBig:
        return _error(too_large)
    except ValidationError:
        return _error(ProtocolError("bad_request", 'the body must be an object with a "text"', param="text"))
    except ProtocolError as error:
        return _error(error)
    except EngineError as error:
        return _error(from_engine_error(error))
    except CheckpointError:
        logger.exception("no model")
        return _error(ProtocolError("model_unavailable", "no model is loaded"))
    return _json(Rating(**rating_fields(answer.prediction)))


def _error(error: ProtocolError) -> HttpResponse:
    return _json(ErrorReply(error=error_body(error)), _STATUS.get(error.code, 400))


def _json(body: BaseModel, status: int = 200) -> HttpResponse:
    return HttpResponse(body.model_dump_json(exclude_none=True), content_type="application/json", status=status)

"""Errors over HTTP: whatever goes wrong under ``/api/``, the answer is the error object of the protocol."""

import logging
import math
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from pydantic import BaseModel

from live.messages.protocol import ErrorCode, ErrorReply, ProtocolError, error_body
from live.monitoring.metrics import HTTP_ERRORS

logger = logging.getLogger(__name__)

STATUS: Final[dict[ErrorCode, int]] = {
    "key_missing": 401,
    "key_invalid": 401,
    "origin_refused": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "text_too_long": 413,
    "unsupported_media_type": 415,
    "rate_limited": 429,
    "internal": 500,
    "overloaded": 503,
    "model_unavailable": 503,
    "storage_unavailable": 503,
}
"""HTTP status of an error; 400 where it is not here."""
_RETRY_AFTER_STATUSES: Final = frozenset({429, 503})

_BY_STATUS: Final[dict[int, tuple[ErrorCode, str]]] = {
    403: ("origin_refused", "not allowed"),
    404: ("not_found", "there is nothing here; /api/openapi.json lists what there is"),
    405: ("method_not_allowed", "this method is not allowed here"),
    413: ("too_large", "the request is too large"),
    500: ("internal", "something went wrong here"),
}

Middleware = Callable[[HttpRequest], Any]


def json_response(body: BaseModel, status: int = 200) -> HttpResponse:
    """A response with the fields that have a value."""
    return HttpResponse(body.model_dump_json(exclude_none=True), content_type="application/json", status=status)


def error_response(error: ProtocolError) -> HttpResponse:
    """The error object with its status, and with ``Retry-After`` where trying again helps."""
    status = STATUS.get(error.code, 400)
    HTTP_ERRORS[error.code].inc()
    response = json_response(ErrorReply(error=error_body(error)), status)
    if status in _RETRY_AFTER_STATUSES:
        response["Retry-After"] = str(math.ceil((error.retry_after_ms or 1_000) / 1000))
    if status == STATUS["key_missing"]:
        response["WWW-Authenticate"] = "Bearer"
    return response


@sync_and_async_middleware
def api_errors(get_response: Middleware) -> Middleware:
    """Give errors that come from Django rather than from the API, such as 404 and 405, the same form."""
    if iscoroutinefunction(get_response):

        async def middleware_async(request: HttpRequest) -> HttpResponse:
            return _as_error_object(request, await get_response(request))

        return middleware_async

    def middleware(request: HttpRequest) -> HttpResponse:
        return _as_error_object(request, get_response(request))

    return middleware


def _as_error_object(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    if (
        not request.path_info.startswith("/api/")
        or response.status_code < 400
        or response.get("Content-Type") == "application/json"
    ):
        return response
    code, message = _BY_STATUS.get(response.status_code, ("bad_request", "this request cannot be answered"))
    replacement = error_response(ProtocolError(code, message))
    # In its place: headers such as Allow and those of security stay.
    response.content = replacement.content
    for name, value in {**replacement.headers, "Content-Length": str(len(replacement.content))}.items():
        response[name] = value
    return response

"""HTTP errors: everything under ``/api/`` returns the error object of the protocol."""

import logging
import math
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware
from pydantic import BaseModel

from live.messages.errors import STATUS, ErrorCode
from live.messages.protocol import ErrorReply, ProtocolError, error_body
from live.monitoring.metrics import HTTP_ERRORS

logger = logging.getLogger(__name__)

RETRY_AFTER_STATUSES: Final = frozenset({429, 503})
"""Statuses with a ``Retry-After`` header."""

_MESSAGES: Final[dict[ErrorCode, str]] = {
    "origin_refused": "not allowed",
    "not_found": "there is nothing at this path; see /api/openapi.json",
    "method_not_allowed": "this method is not allowed here",
    "too_large": "the request is too large",
    "internal": "internal server error",
}
_BY_STATUS: Final = {STATUS[code]: (code, message) for code, message in _MESSAGES.items()}
"""Code and message that replace Django's error page, by status."""

Middleware = Callable[[HttpRequest], Any]


def json_response(body: BaseModel, status: int = 200) -> HttpResponse:
    """Return a JSON response without empty fields."""
    return HttpResponse(body.model_dump_json(exclude_none=True), content_type="application/json", status=status)


def error_response(error: ProtocolError) -> HttpResponse:
    """Return the error object with its status, and ``Retry-After`` if retrying helps."""
    status = STATUS[error.code]
    HTTP_ERRORS[error.code].inc()
    response = json_response(ErrorReply(error=error_body(error)), status)
    if status in RETRY_AFTER_STATUSES:
        response["Retry-After"] = str(math.ceil((error.retry_after_ms or 1_000) / 1000))
    if status == STATUS["key_missing"]:
        response["WWW-Authenticate"] = "Bearer"
    return response


@sync_and_async_middleware
def api_errors(get_response: Middleware) -> Middleware:
    """Middleware that gives Django's own errors, such as 404 and 405, the same form."""
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
    code, message = _BY_STATUS.get(response.status_code) or ("bad_request", _bad_request(request))
    replacement = error_response(ProtocolError(code, message))
    # Replace the content only, to keep headers such as Allow and those for security.
    response.content = replacement.content
    for name, value in {**replacement.headers, "Content-Length": str(len(replacement.content))}.items():
        response[name] = value
    return response


def _bad_request(request: HttpRequest) -> str:
    try:
        request.get_host()
    except DisallowedHost:
        return (
            "this server does not know the host name: add it to STARCAST_ALLOWED_HOSTS, or let the proxy pass on Host"
        )
    return "this request cannot be answered"

"""Logs each HTTP request at INFO, and records its duration for Prometheus."""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.utils.decorators import sync_and_async_middleware

from live.monitoring.logs import route_of
from live.monitoring.metrics import http_seconds

logger = logging.getLogger(__name__)

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})
"""Other methods are counted as one: clients may send any word."""


@sync_and_async_middleware
def access(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware that records every request, including those that other middleware answers."""
    if iscoroutinefunction(get_response):

        async def middleware_async(request: HttpRequest) -> Any:
            since = time.perf_counter()
            response = await get_response(request)
            _note(request, response.status_code, time.perf_counter() - since)
            return response

        return middleware_async

    def middleware(request: HttpRequest) -> Any:
        since = time.perf_counter()
        response = get_response(request)
        _note(request, response.status_code, time.perf_counter() - since)
        return response

    return middleware


def _note(request: HttpRequest, status: int, duration_s: float) -> None:
    route = route_of(request)
    method = request.method if request.method in _METHODS else "other"
    http_seconds.labels(route, method, str(status)).observe(duration_s)
    duration_ms = round(duration_s * 1000, 1)
    extra = {"method": method, "route": route, "status": status, "duration_ms": duration_ms}
    logger.info("%s %s %d in %.1f ms", method, route, status, duration_ms, extra=extra)

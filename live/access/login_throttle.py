"""Limits admin login attempts: ten at once per network, then one per 30 seconds."""

import logging
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.signals import user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_and_async_middleware

from live.access.address_rates import AddressRates
from live.access.addresses import network_of
from live.access.token_buckets import TokenBucket

logger = logging.getLogger(__name__)

_PATH: Final = "/admin/login/"
_AT_ONCE: Final = 10
_EVERY_S: Final = 30

_attempts = AddressRates("login")
_log = TokenBucket(1 / 60, 1)
"""Limits the records of refused attempts, which could fill the disk."""


@sync_and_async_middleware
def login_rate(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Middleware that answers 429 to too many attempts. With Redis, all processes count together."""
    if iscoroutinefunction(get_response):

        async def middleware_async(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = _refusal() if _is_too_often(request) else await get_response(request)
            return response

        return middleware_async

    async def is_too_often(request: HttpRequest) -> bool:
        return _is_too_often(request)

    def middleware(request: HttpRequest) -> HttpResponse:
        # Buckets belong to one event loop.
        response: HttpResponse = _refusal() if async_to_sync(is_too_often)(request) else get_response(request)
        return response

    return middleware


@receiver(user_login_failed)
def log_failure(request: HttpRequest | None = None, **_: Any) -> None:
    """Log the address but not the name: people sometimes type their password there."""
    logger.warning("a login to the admin failed, from %s", request.META.get("REMOTE_ADDR") if request else "nowhere")


def _is_too_often(request: HttpRequest) -> bool:
    if request.method != "POST" or request.path_info != _PATH:
        return False
    if not _attempts.spend(network_of(request.META.get("REMOTE_ADDR", "")), _AT_ONCE, _EVERY_S):
        return False
    if _log.take():
        logger.warning("passwords of the admin are tried too often, from %s", request.META.get("REMOTE_ADDR"))
    return True


def _refusal() -> HttpResponse:
    refusal = HttpResponse("Too many attempts. Try again in a minute.\n", status=429, content_type="text/plain")
    refusal["Retry-After"] = str(_EVERY_S)
    return refusal

"""Charges each HTTP request to its address before anything is done for it."""

import math
from functools import cache
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.decorators import async_only_middleware
from django.utils.translation import get_language_from_path

from live.access.addresses import network_of
from live.access.admissions import Bill, admissions
from live.access.prices import PAGE_MADE_ANEW, REQUEST
from live.http.responses import Middleware, error_response
from live.limits import get_limits
from live.messages.protocol import beyond_rate

_API: Final = "/api/"
_MADE_ANEW: Final = ("/watch/", "/ru/watch/", "/admin/")
_BILL: Final = "starcast_bill"


@async_only_middleware
def charging(get_response: Middleware) -> Middleware:
    """Middleware that refuses requests above the rate of their address. Static files, which come before it, are free.

    Always asynchronous: rates that processes share belong to the event loop, and Django would call it in a thread, as
    some middleware after it is synchronous.
    """

    async def middleware(request: HttpRequest) -> HttpResponse:
        refusal = _charge(request)
        response: HttpResponse = await get_response(request) if refusal is None else refusal
        return response

    return middleware


def bill_of(request: HttpRequest) -> Bill:
    """The bill of a request, to charge more."""
    bill: Bill = getattr(request, _BILL)
    return bill


def _charge(request: HttpRequest) -> HttpResponse | None:
    path = request.path_info
    bill = admissions.bill(network_of(request.META.get("REMOTE_ADDR", "")), get_limits())
    setattr(request, _BILL, bill)
    wait_s = bill.spend(REQUEST + PAGE_MADE_ANEW * path.startswith(_MADE_ANEW))
    if not wait_s:
        return None
    if path.startswith(_API):
        return error_response(beyond_rate("too much work; slow down", wait_s))
    language = get_language_from_path(path) or settings.LANGUAGE_CODE
    return HttpResponse(_refusal_page(language), status=429, headers={"Retry-After": str(math.ceil(wait_s))})


@cache
def _refusal_page(language: str) -> str:
    """The page for clients above the rate. Made once, since a refusal must cost next to nothing."""
    with translation.override(language):
        return render_to_string("429.html")

"""Pages and descriptions are made one at a time for each address, so that a storm of them does not delay keys.

Django makes each in a thread of its own, and every thread that computes takes the event loop's place for milliseconds.
"""

import asyncio
import contextlib
from typing import Final
from weakref import WeakValueDictionary

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import async_only_middleware

from live.access.addresses import network_of
from live.http.responses import Middleware

_turns: Final[WeakValueDictionary[str, asyncio.Lock]] = WeakValueDictionary()
"""By address, while somebody has or awaits the turn."""


@async_only_middleware
def turns(get_response: Middleware) -> Middleware:
    """Middleware that lets a GET wait for the address's GETs before it. Static files and other methods do not wait."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        turn: contextlib.AbstractAsyncContextManager[object] = contextlib.nullcontext()
        if request.method in ("GET", "HEAD") and not request.path_info.startswith(settings.STATIC_URL):
            turn = _turns.setdefault(network_of(request.META.get("REMOTE_ADDR", "")), asyncio.Lock())
        async with turn:
            response: HttpResponse = await get_response(request)
        return response

    return middleware

"""Pages and descriptions are made one at a time for each address, so that a storm of them does not delay keys.

Django makes each in a thread of its own, and every thread that computes takes the event loop's place for milliseconds.
Answers of the API take next to nothing, and may wait for the database: no page waits for these, nor for the admin's.
"""

import asyncio
import contextlib
from typing import Final
from weakref import WeakValueDictionary

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import async_only_middleware

from live.access.addresses import network_of
from live.http.responses import Middleware

_ADMIN: Final = "/admin/"
_NO_PAGES: Final = "/api/v1/"

_turns: Final[WeakValueDictionary[tuple[str, bool], asyncio.Lock]] = WeakValueDictionary()
"""By address, and whether it is the turn of the admin, while somebody has or awaits the turn."""


@async_only_middleware
def turns(get_response: Middleware) -> Middleware:
    """Middleware that lets a page wait for the address's pages before it. The API and POST do not wait."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        turn: contextlib.AbstractAsyncContextManager[object] = contextlib.nullcontext()
        path = request.path_info
        if request.method in ("GET", "HEAD") and not path.startswith(_NO_PAGES):
            line = network_of(request.META.get("REMOTE_ADDR", "")), path.startswith(_ADMIN)
            turn = _turns.setdefault(line, asyncio.Lock())
        async with turn:
            response: HttpResponse = await get_response(request)
        return response

    return middleware

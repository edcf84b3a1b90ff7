"""Makes Django run its middleware in one thread for each request, instead of a hop into a thread for each hook."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.decorators import sync_only_middleware


@sync_only_middleware
def one_thread(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that does nothing, and has to be the last: all before it that can be synchronous are."""
    return get_response

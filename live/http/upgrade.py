"""The answer to plain HTTP at the address of a WebSocket."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

_HINT: Final = (
    "This is the address of a WebSocket: connect with ws:// or wss://. If you did, a proxy between has dropped the\n"
    "headers Upgrade and Connection.\n"
)


@csrf_exempt
def upgrade_required(request: HttpRequest, rest: str) -> HttpResponse:
    """Return 426 with a hint, to any method."""
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return HttpResponse(_HINT, status=426, content_type="text/plain; charset=utf-8", headers=headers)

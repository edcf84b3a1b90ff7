"""The answer to plain HTTP at the address of a WebSocket."""

import logging
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from live.monitoring.logs import warn_once

logger = logging.getLogger(__name__)

_HINT: Final = (
    "This is the address of a WebSocket: connect with ws:// or wss://. If you did, a proxy between has dropped the\n"
    "headers Upgrade and Connection.\n"
)
_UPGRADE_DROPPED: Final = "a WebSocket came without the header Upgrade: let the proxy pass on Upgrade and Connection"


@csrf_exempt
def upgrade_required(request: HttpRequest, rest: str) -> HttpResponse:
    """Return 426 with a hint, to any method."""
    # Proxies pass on this header of a handshake even where they drop the others.
    if "Sec-WebSocket-Key" in request.headers:
        warn_once(logger, _UPGRADE_DROPPED)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    return HttpResponse(_HINT, status=426, content_type="text/plain; charset=utf-8", headers=headers)

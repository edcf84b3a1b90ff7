"""Answers requests during shutdown, when Django no longer does."""

from typing import Final

from daphne.http_protocol import WebRequest

from live.http.responses import error_response
from live.messages.protocol import ProtocolError

_API: Final = b"/api/"
_MESSAGE: Final = "this server stops; try again in a moment"


def refuse(request: WebRequest) -> None:
    """Answer 503 and close the connection, since keep-alive would bring more requests."""
    if request.channel is not None:
        request.channel.persistent = False
    response = error_response(ProtocolError("model_unavailable", _MESSAGE))
    # As django-cors-headers does, so that pages on other origins can read the answer.
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "Retry-After"
    if not request.path.startswith(_API):
        response.content, response["Content-Type"] = f"{_MESSAGE}\n", "text/plain"
    response["Content-Length"] = str(len(response.content))
    headers = [(name.encode(), value.encode()) for name, value in response.items()]
    request.handle_reply({"type": "http.response.start", "status": response.status_code, "headers": headers})
    request.handle_reply({"type": "http.response.body", "body": response.content})

"""What a request gets from a server that stops: the error object under ``/api/``, which Django no longer writes."""

from typing import Final

from daphne.http_protocol import WebRequest

from live.http.responses import error_response
from live.messages.protocol import ProtocolError

_API: Final = b"/api/"
_MESSAGE: Final = "this server stops; try again in a moment"


def refuse(request: WebRequest) -> None:
    """Answer with status 503, and end the connection: one that is kept alive would bring more."""
    if request.channel is not None:
        request.channel.persistent = False
    response = error_response(ProtocolError("model_unavailable", _MESSAGE))
    # As django-cors-headers has it, so that pages of elsewhere can read this too.
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "Retry-After"
    if not request.path.startswith(_API):
        response.content, response["Content-Type"] = f"{_MESSAGE}\n", "text/plain"
    response["Content-Length"] = str(len(response.content))
    headers = [(name.encode(), value.encode()) for name, value in response.items()]
    request.handle_reply({"type": "http.response.start", "status": response.status_code, "headers": headers})
    request.handle_reply({"type": "http.response.body", "body": response.content})

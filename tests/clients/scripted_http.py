"""An HTTP server that answers as a test tells it to, in a thread."""

import contextlib
import json
import ssl as tls
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

from model_core.fake import FakeClassifier
from model_core.labels import STARS

LIMITS = {"max_chars": 20_000, "max_body_bytes": 1_048_576, "max_texts": 64}

Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]
"""Status, body, and perhaps more headers."""
Script = Callable[[list[str]], Answer | None]
"""Takes the texts of a request; returns its answer, or None for an ordinary one."""


@dataclass
class ScriptedServer:
    """Its address, and the texts of each request so far."""

    url: str
    requests: list[list[str]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        """The texts of all requests."""
        return [text for request in self.requests for text in request]


def error(code: str, retryable: bool, retry_after_ms: int | None = None) -> dict[str, Any]:
    """Return the body of an error."""
    return {"error": {"code": code, "message": "as the test wants", "retryable": retryable,
                      "retry_after_ms": retry_after_ms}}  # fmt: skip


def rating(text: str) -> dict[str, Any]:
    """Return the rating of a text by the fake model."""
    (found,) = FakeClassifier().classify([text])
    names = ("probabilities", "stars", "expected_stars", "interval", "positive", "tokens", "truncated", "is_prior")
    return {name: getattr(found, name) for name in names} | {"state": "says"}


def ratings(texts: list[str]) -> dict[str, Any]:
    """Return the body of an answer to several texts."""
    return {"results": [rating(text) for text in texts]}


class _Listener(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may leave at any time.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def scripted_server(
    script: Script = lambda _: None, model: Answer | None = None, ssl: tls.SSLContext | None = None
) -> Iterator[ScriptedServer]:
    """Serve ``/api/v1/model`` and ``/api/v1/predict/batch`` on a free port of ``localhost``."""
    described = {"labels": STARS, "model": {"version": "0"}, "limits": LIMITS}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._send(*(model or (200, described)))

        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["texts"]
            server.requests.append(texts)
            server.keys.append(self.headers["Authorization"])
            self._send(*(script(texts) or (200, ratings(texts))))

        def _send(self, status: int, content: Any, headers: Mapping[str, str] = MappingProxyType({})) -> None:
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for each in headers.items():
                self.send_header(*each)
            if 300 <= status < 400:
                self.send_header("Location", "https://example.org/")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        if ssl is not None:
            listener.socket = ssl.wrap_socket(listener.socket, server_side=True)
        server = ScriptedServer(f"http{'s' * (ssl is not None)}://localhost:{listener.server_port}")
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown()
            thread.join()

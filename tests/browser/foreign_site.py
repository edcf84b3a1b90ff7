"""A third-party web site with a strict policy that embeds the widget."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class ForeignSite:
    """One page under every path; ``html`` and ``policy`` can be set at any time."""

    html = ""
    policy = ""

    def __init__(self, port: int) -> None:
        self.address = f"http://localhost:{port}"


@contextlib.contextmanager
def foreign_site() -> Iterator[ForeignSite]:
    """Serve on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = site.html.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", site.policy)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: object = "-", size: object = "-") -> None:
            """A test's output is no access log."""

    with ThreadingHTTPServer(("localhost", 0), Handler) as server:
        site = ForeignSite(server.server_port)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield site
        server.shutdown()
        thread.join()

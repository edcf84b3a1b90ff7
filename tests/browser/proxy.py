"""A proxy that refuses WebSockets, as some company networks do, or is configured in a wrong way."""

import contextlib
import socket
import threading
from collections.abc import Iterator

_HEAD_END = b"\r\n\r\n"


class Proxy:
    """Passes connections on to a server of this machine.

    Blocks WebSockets for as long as it is told to. ``drops`` names a header that it replaces by its own in handshakes,
    as a proxy does by default.
    """

    def __init__(self, port: int, drops: str = "") -> None:
        self.blocks_websockets = not drops
        self._drops = drops
        self.refused = 0
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []

    @property
    def http(self) -> str:
        return f"http://localhost:{self._listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until `close`."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._handle, args=(client,), daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        _end(self._listener)
        for connection in self._open:
            _end(connection)

    def _handle(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while _HEAD_END not in head and (chunk := client.recv(65_536)):
                head += chunk
            if self.blocks_websockets and b"upgrade: websocket" in head.lower():
                self.refused += 1
                client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                _end(client)
                return
            head = self._changed(head)
            server = socket.create_connection(("127.0.0.1", self._target))
            self._open.append(server)
            server.sendall(head)
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            _pass_on(client, server)

    def _changed(self, head: bytes) -> bytes:
        if not self._drops or b"sec-websocket-key" not in head.lower():
            return head
        request, *headers = head.split(b"\r\n")
        dropped = self._drops.lower().encode()
        kept = [header for header in headers if header.partition(b":")[0].lower() != dropped]
        if dropped == b"host":
            kept.insert(0, f"Host: 127.0.0.1:{self._target}".encode())
        return b"\r\n".join([request, *kept])


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
    _end(target)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


@contextlib.contextmanager
def proxy_to(port: int, drops: str = "") -> Iterator[Proxy]:
    """Run a proxy to a server on ``port`` until the block ends."""
    proxy = Proxy(port, drops)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(timeout=10)

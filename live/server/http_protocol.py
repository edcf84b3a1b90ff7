"""HTTP connections as Daphne has them, but no more than there is room for, and without what it fails on."""

import os
import re
from collections import Counter
from typing import Any, Final

from daphne.http_protocol import HTTPFactory, WebRequest
from twisted.web.http import HTTPChannel

from live.access.addresses import client_network, network_of
from live.access.admissions import admissions
from live.access.prices import REQUEST, units_of_bytes
from live.limits import get_limits
from live.messages.protocol import CHARSETS
from live.server.start_turns import StartTurns

_ROOT_PATH: Final = "Daphne-Root-Path"
_API: Final = b"/api/v1/"
_LARGEST_BODIES: Final = 2
"""A body may be that many times too large to be answered by ``too_large``. Of more, the connection ends at once."""
_OPEN_BODIES: Final = 16
"""Bodies of the largest size that an address may have sent in part. Whole ones do not count."""

_CHARSET: Final = re.compile(rb'charset\s*=\s*"?([^";\s]*)', re.IGNORECASE)


def _with_known_charset(content_type: bytes) -> bytes:
    """Replace a charset that no client of ours sends. Python keeps the name of each that it is asked for, for ever."""
    named = _CHARSET.findall(content_type)
    # With a star, names are encoded.
    if b"*" not in content_type and all(name.decode("latin-1").lower() in CHARSETS for name in named):
        return content_type
    return content_type.partition(b";")[0] + b"; charset=unknown"


class HttpRequest(WebRequest):
    """One request, which is a WebSocket's handshake at times."""

    waits_for_turn = False

    def process(self) -> None:
        """Wait for a turn, and read nothing more of the client until then."""
        self.waits_for_turn = True
        self.transport.pauseProducing()
        network = self._network()
        self.channel.factory.open_bodies.remove(network, self)
        self.channel.factory.turns.enter(network, self._start)

    def _start(self) -> None:
        """Hand the request on. Refuses what Daphne would decode and fail on, before anything was charged."""
        self.waits_for_turn = False
        if self.channel is None:  # The client has left.
            return
        self.transport.resumeProducing()
        decoded = (_ROOT_PATH, self.server.proxy_forwarded_address_header)
        names = (name.encode() for name in decoded if name)
        values = (value for name in names for value in self.requestHeaders.getRawHeaders(name, ()))
        if not all(value.isascii() for value in values):
            self.basic_error(400, b"Bad Request", "Invalid header value")
            return
        if self._unread_bytes_are_beyond_rate():
            # Otherwise more requests would be read from this connection.
            self.channel.persistent = False
            self.basic_error(429, b"Too Many Requests", "Too many bytes")
            return
        kinds = self.requestHeaders.getRawHeaders(b"content-type", ())
        self.requestHeaders.setRawHeaders(b"content-type", map(_with_known_charset, kinds))
        channel = self.channel
        super().process()
        if self.transport is None:  # Taken over by a WebSocket.
            channel.factory.channels.leave(channel)
            channel.requests.clear()  # They refer to each other.

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """Store a part of the body. Django would refuse a large one only after all of it is on the disk."""
        super().handleContentChunk(data)
        if self.content.tell() > _LARGEST_BODIES * get_limits().max_body_bytes:
            self.channel.transport.abortConnection()
        self.channel.factory.open_bodies.grow(self._network(), self, len(data))

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Give back the room of a body that came in part."""
        self.channel.factory.open_bodies.remove(self._network(), self)
        super().connectionLost(reason)

    def _unread_bytes_are_beyond_rate(self) -> bool:
        """Charge for a body that no view reads. The API itself charges for its POST bodies."""
        if self.method == b"POST" and self.path.startswith(_API):
            return False
        units = units_of_bytes(self.content.seek(0, os.SEEK_END))
        self.content.seek(0)
        return bool(units and admissions.bill(self._network(), get_limits()).spend(units))

    def basic_error(self, status: int, status_text: bytes, body: str) -> None:
        """Refuse a request that the application does not see. It costs the address as much as others."""
        if admissions.bill(self._network(), get_limits()).spend(REQUEST):
            status, status_text, body = 429, b"Too Many Requests", "Too many requests"
        super().basic_error(status, status_text, body)

    def _network(self) -> str:
        """Return the address by which limits count. Daphne may not have read it yet."""
        header = self.server.proxy_forwarded_address_header
        claimed = self.requestHeaders.getRawHeaders(header.encode(), [b""])[0] if header else b""
        return client_network(claimed.decode() if claimed.isascii() else "", self.client)


class HttpChannel(HTTPChannel):
    """A connection with one request after another, until it ends or a WebSocket takes it over."""

    requestFactory = HttpRequest  # noqa: N815

    def connectionMade(self) -> None:  # noqa: N802
        """Take a place."""
        super().connectionMade()
        self.factory.channels.enter(self)

    def connectionLost(self, reason: Any) -> None:  # noqa: N802
        """Leave the place."""
        self.factory.channels.leave(self)
        super().connectionLost(reason)

    @property
    def network(self) -> str:
        """The other end: a client, or a proxy."""
        return network_of(getattr(self.transport.getPeer(), "host", ""))

    @property
    def is_answering(self) -> bool:
        """Whether a request waits for its turn or its answer, so that the client is not just silent or slow."""
        return any(request.waits_for_turn or request.application_queue is not None for request in self.requests)


class Channels:
    """The HTTP connections of a process, of which the system allows only so many.

    One more ends the oldest of the address that has most, so that others, such as health checks, are always answered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[str, dict[HttpChannel, None]] = {}
        self._count = 0

    def enter(self, channel: HttpChannel) -> None:
        """Add a connection, and end another if there are too many."""
        self._of.setdefault(channel.network, {})[channel] = None
        self._count += 1
        if self._count > self._most:
            largest = max(self._of.values(), key=len)
            # If all are answered, its newest has to go.
            ended = next((other for other in largest if not other.is_answering), None) or next(reversed(largest))
            self.leave(ended)
            ended.transport.abortConnection()

    def leave(self, channel: HttpChannel) -> None:
        """Remove a connection, if it is there."""
        others = self._of.get(channel.network, {})
        if channel in others:
            del others[channel]
            self._count -= 1
        if not others:
            self._of.pop(channel.network, None)


class OpenBodies:
    """The bodies that came in part, which cost nothing until they are whole.

    Above the bound of an address, the connection of its largest one ends: not of the newest, which may be a short text
    of somebody else behind the same address.
    """

    def __init__(self) -> None:
        self._of: dict[str, Counter[HttpRequest]] = {}
        """Bytes by address and request."""

    def grow(self, address: str, request: HttpRequest, size: int) -> None:
        """Count ``size`` bytes more of a request's body."""
        sizes = self._of.setdefault(address, Counter())
        sizes[request] += size
        if sizes.total() > _OPEN_BODIES * get_limits().max_body_bytes:
            [(largest, _)] = sizes.most_common(1)
            self.remove(address, largest)
            largest.channel.transport.abortConnection()

    def remove(self, address: str, request: HttpRequest) -> None:
        """Count a request no longer, if it was counted."""
        sizes = self._of.get(address, Counter())
        sizes.pop(request, None)
        if not sizes:
            self._of.pop(address, None)


class HttpFactory(HTTPFactory):
    """Makes the connections of a server."""

    protocol = HttpChannel

    def __init__(self, server: Any) -> None:
        super().__init__(server)
        self.channels = Channels(server.max_http_connections)
        self.open_bodies = OpenBodies()
        self.turns = StartTurns()

    def buildProtocol(self, addr: Any) -> Any:  # noqa: N802
        """Make a connection whose requests are ours, where Daphne sets its own."""
        channel = super().buildProtocol(addr)
        channel.requestFactory = HttpRequest
        return channel

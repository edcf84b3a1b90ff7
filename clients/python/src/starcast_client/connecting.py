"""How a connection comes about, and what its end means."""

import ssl as tls
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from starcast_client.conversation import receive_message
from starcast_client.errors import IncompatibleServer, Refused
from starcast_client.messages import SUBPROTOCOL, Closing, ErrorInfo, Session

CLASSIFY_PATH: Final = "/ws/v1/classify/"

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How patient a client is. The pause between tries is drawn from 0 to a bound that doubles up to its cap."""

    connect_timeout_s: float = 10.0
    """For the handshake, and for the greeting after it."""
    answer_timeout_s: float = 30.0
    """After so long without an answer, and ``min_interval_ms`` on top, the connection counts as lost."""
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 15.0
    max_connect_attempts: int | None = None
    """Tries without a working connection before the client ends by ConnectionFailed; None: it never gives up."""
    outage_timeout_s: float | None = 30.0
    """How long whoever waits does so while no server answers, until ConnectionFailed; the client itself tries on.
    None: for ever."""
    retry_first_s: float = 0.4
    retry_cap_s: float = 6.0
    """Bounds of the pause before a text is sent again after an error that is worth another try."""
    max_retries: int = 5
    """How often a text that somebody waits for is sent again."""
    min_interval_ms: int = 0
    """The least time between two ratings that the server is asked for; it may be slower, and is where it has to be."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to connect, and by what right."""

    url: str
    # Tracebacks and logs show a repr, and a key is nobody's business.
    api_key: str | None = field(default=None, repr=False)
    ssl: tls.SSLContext | None = None
    proxy: str | Literal[True] | None = True

    def connect(self, timeout_s: float) -> connect:
        """One try; to be entered as a context. Raises OSError, TimeoutError, InvalidHandshake of websockets."""
        return connect(
            self.url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {self.api_key}"} if self.api_key else None,
            ssl=self.ssl,
            proxy=self.proxy,
            open_timeout=timeout_s,
            # The protocol's own ping finds out whether the server still answers, rather than its library.
            ping_interval=None,
            close_timeout=2,
        )


async def greeting(connection: ClientConnection, timeout_s: float) -> Session | Closing | ErrorInfo | None:
    """Wait for the greeting, or for what is said before a close instead. Raises IncompatibleServer, OSError."""
    last: Closing | ErrorInfo | None = None
    try:
        while True:
            message = await receive_message(connection, timeout_s)
            match message:
                case Session(protocol=protocol):
                    if protocol != SUBPROTOCOL:
                        raise IncompatibleServer(f"the server speaks {protocol}, this client {SUBPROTOCOL}")
                    return message
                case Closing() | ErrorInfo():
                    last = message
    except ConnectionClosed:
        return last


def refusal_by_close(connection: ClientConnection, error: ErrorInfo | None) -> Refused | None:
    """What a closed connection means for the client: an exception where coming back would be in vain."""
    code = connection.close_code
    return Refused(code, error) if code is not None and 4500 <= code <= 4999 else None


def refusal_by_status(error: InvalidStatus) -> Refused | None:
    """The same for a handshake that was answered by another status than 101."""
    status = error.response.status_code
    return Refused(status) if status < 500 and status not in _TRANSIENT_STATUSES else None


def socket_url(url: str) -> str:
    """The WebSocket address for a server's address of any scheme. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError(f"not an address like ws://localhost:8000 or https://example.org: {url!r}")
    path = parts.path if parts.path.strip("/") else CLASSIFY_PATH
    return parts._replace(scheme=_SCHEMES[parts.scheme], path=path).geturl()


def http_url(url: str, path: str) -> str:
    """The address of ``path`` on the same server over HTTP."""
    parts = urlsplit(url)
    return parts._replace(scheme={"ws": "http", "wss": "https"}[parts.scheme], path=path, query="").geturl()

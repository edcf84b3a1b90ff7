"""Connecting to a server, and interpreting how a connection ended."""

import asyncio
import inspect
import os
import socket
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidProxy, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from starcast_client.conversation import receive_message
from starcast_client.errors import IncompatibleServer, Refused
from starcast_client.messages import SUBPROTOCOL, Closing, ErrorInfo, Session

CLASSIFY_PATH: Final = "/ws/v1/classify/"

PATIENCE_S: Final = 1.5
"""After this time without a connection the user is told."""

_SCHEMES: Final = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_TRANSIENT_STATUSES: Final = frozenset({408, 425, 429})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Timeouts and retries of a client. The pause between tries is random, up to a bound that doubles up to its cap."""

    connect_timeout_s: float = 10.0
    """For the handshake, and again for the greeting."""
    answer_timeout_s: float = 30.0
    """After this time without an answer, plus ``min_interval_ms``, the connection counts as lost."""
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 15.0
    max_connect_attempts: int | None = None
    """Tries without a working connection before the client fails with ConnectionFailed. None: no limit."""
    outage_timeout_s: float | None = 30.0
    """How long calls wait while no server answers, before ConnectionFailed; the client itself keeps trying.
    None: no limit.
    """
    retry_first_s: float = 0.4
    retry_cap_s: float = 6.0
    """Bounds of the pause before a text is sent again after a retryable error."""
    max_retries: int = 5
    """How often a text of a pending call is sent again."""
    min_interval_ms: int = 0
    """Minimum time between two ratings that the server is asked for."""


GetToken = Callable[[], str | Awaitable[str]]


UNUSABLE: Final = (InvalidURI, InvalidProxy, ValueError, ImportError)
"""What every try to connect would end by: a wrong URL or proxy, or a package that the proxy needs."""


class NoTokenError(OSError):
    """The function for tokens has failed. The next try may succeed."""


class Try(connect):
    """One try to connect. Follows no redirects: a key, and trust in a CA, are for the URL that the user gave."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Return the error itself, which ends the try."""
        return exc


@dataclass(frozen=True, slots=True)
class Server:
    """A server's URL, and the API key for it."""

    url: str
    # Tracebacks and logs show reprs, which must not contain the key.
    api_key: str | None = field(default=None, repr=False)
    token: GetToken | None = field(default=None, repr=False)
    """Called before every connection for a token, in place of a key."""
    ssl: tls.SSLContext | None = None
    """Whom to trust, for wss. None: the public CAs of this machine, or those that SSL_CERT_FILE names."""
    proxy: str | Literal[True] | None = True

    async def bearer(self, timeout_s: float) -> str | None:
        """Return what to present: the key, or a new token. Raises NoTokenError."""
        if self.token is None:
            return self.api_key
        try:
            async with asyncio.timeout(timeout_s):
                if inspect.iscoroutinefunction(self.token):
                    token = await self.token()
                else:
                    # It may block.
                    token = await asyncio.to_thread(self.token)
                if inspect.isawaitable(token):
                    token = await token
                if not isinstance(token, str) or not token:
                    raise TypeError(f"the function for tokens returned {token!r}")
                return token
        except Exception as error:
            raise NoTokenError(f"no token: {error or type(error).__name__}") from error

    def connect(self, timeout_s: float, bearer: str | None) -> connect:
        """Return one try to connect, as a context manager. Raises OSError, TimeoutError, InvalidHandshake."""
        return Try(
            self.url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers={"Authorization": f"Bearer {bearer}"} if bearer else None,
            proxy=self.proxy,
            open_timeout=timeout_s,
            # The protocol's own ping is used instead of the library's.
            ping_interval=None,
            close_timeout=2,
            **tls_arguments(self.url, self.ssl),
        )


async def greeting(connection: ClientConnection, timeout_s: float) -> Session | Closing | ErrorInfo | None:
    """Wait for the greeting, or an error or closing instead. Raises IncompatibleServer, OSError."""
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
    """Return the exception for a closed connection if reconnecting would not help, else None."""
    code = connection.close_code
    return Refused(code, error) if code is not None and 4500 <= code <= 4999 else None


def refusal_by_status(error: InvalidStatus) -> Refused | None:
    """Return the exception for a handshake with another status than 101, or None."""
    status = error.response.status_code
    if is_transient(status):
        return None
    if location := error.response.headers.get("Location"):
        return Refused(status, reason=f"HTTP {status}: this URL leads to {location}; use the URL of Starcast itself")
    if status == HTTPStatus.UPGRADE_REQUIRED:
        return Refused(status, reason=f"HTTP {status}: a proxy before the server drops the header Upgrade")
    return Refused(status, reason=f"HTTP {status}: no Starcast is at this URL, or a proxy before it refuses")


def is_transient(status: int) -> bool:
    """Whether the same request may succeed later."""
    return status >= 500 or status in _TRANSIENT_STATUSES


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """Return the time that ``Retry-After`` asks for, if it is one number of seconds."""
    try:
        seconds = headers.get("Retry-After", "")
    except LookupError:  # There are several.
        return None
    return int(seconds) * 1_000 if seconds.isdecimal() else None


def explained(error: Exception) -> str:
    """Return in words why a try to connect failed, with what may help."""
    match error:
        case tls.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message}); for your own CA use --cafile or cafile="
        case tls.SSLError():
            reason = f" ({error.reason})" if error.reason else ""
            return f"there is no TLS{reason}; does its URL begin with http:// instead?"
        case socket.gaierror():
            return f"no host has this name ({error.strerror})"
        case InvalidMessage():
            return f"{error}; does its URL begin with https:// instead?"
        case InvalidStatus():
            refusal = refusal_by_status(error)
            return str(refusal or f"HTTP {error.response.status_code} {error.response.reason_phrase}").rstrip()
        case ConnectionResetError():
            return "it closes the connection at once; is it right that its URL begins with http:// or https://?"
        case OSError() if "Connect call failed" in str(error):
            return f"nothing answers there ({error})"
        case _:
            return str(error) or type(error).__name__


def silence(url: str, seconds: float) -> str:
    """Return in words that no answer has come for some time."""
    # A server without TLS may wait for the rest of what it takes for a request.
    hint = "; does its URL begin with http:// instead?" if url.startswith("wss:") else ""
    return f"no answer for {seconds:g} s{hint}"


def one_of(api_key: str | None, token: GetToken | None) -> None:
    """Raise ValueError where both are given."""
    if api_key is not None and token is not None:
        raise ValueError("give either api_key or token: one of them is sent")


def tls_context(ssl: tls.SSLContext | None, cafile: str | os.PathLike[str] | None) -> tls.SSLContext | None:
    """Return ``ssl``, or a context that trusts only the CAs of a PEM file. Raises ValueError."""
    if cafile is None:
        return ssl
    if ssl is not None:
        raise ValueError("give either ssl or cafile: an SSLContext has its CAs")
    try:
        return tls.create_default_context(cafile=cafile)
    except tls.SSLError as error:
        raise ValueError(f"{os.fspath(cafile)} has no certificate in PEM form") from error
    except OSError as error:
        raise ValueError(f"{os.fspath(cafile)} cannot be read: {error.strerror}") from error


def tls_arguments(url: str, ssl: tls.SSLContext | None) -> dict[str, Any]:
    """Return the arguments of ``connect`` for TLS. websockets takes no context for ws, and None for neither."""
    return {"ssl": ssl} if ssl is not None and url.startswith("wss:") else {}


def blind_context() -> tls.SSLContext:
    """Return a context that trusts every server, for tests."""
    context = tls.create_default_context()
    context.check_hostname = False
    context.verify_mode = tls.CERT_NONE
    return context


def socket_url(url: str) -> str:
    """Return the WebSocket URL for a server URL of any scheme. Raises ValueError."""
    try:
        parts = urlsplit(url)
        # Whoever asks for a wrong port gets a ValueError.
        is_valid = parts.scheme in _SCHEMES and parts.hostname and parts.port != 0 and not parts.fragment
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(f"not an address like ws://localhost:8000 or https://example.org: {url!r}")
    path = parts.path if parts.path.strip("/") else CLASSIFY_PATH
    return parts._replace(scheme=_SCHEMES[parts.scheme], path=path).geturl()


def http_url(url: str, path: str) -> str:
    """Return the HTTP URL of ``path`` on the same server."""
    parts = urlsplit(url)
    return parts._replace(scheme={"ws": "http", "wss": "https"}[parts.scheme], path=path, query="").geturl()

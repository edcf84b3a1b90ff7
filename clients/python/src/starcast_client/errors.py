"""Exceptions of this package."""

from starcast_client.messages import ErrorInfo


class StarcastError(Exception):
    """Base class of all exceptions of this package."""


class TextRefused(StarcastError):
    """The server, or one of its limits, refuses this text. The client stays usable."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(str(info))
        self.info = info


class NoText(StarcastError):
    """There is no text to finish or explain."""


class Superseded(StarcastError):
    """A newer text came before the explanation of this one."""


class Cancelled(StarcastError):
    """The call was cancelled by ``cancel``."""


class ClientClosed(StarcastError):
    """The client was closed during or before the call."""


class ConnectionFailed(StarcastError):
    """No server answered within the tries or the time that ``Options`` allows."""


class Refused(StarcastError):
    """The server refused the client for good; it would be refused again.

    ``code`` is the close code (4500 to 4999) or the HTTP status of the handshake; ``info`` is the error that the server
    sent before, if any.
    """

    def __init__(self, code: int, info: ErrorInfo | None = None, reason: str | None = None) -> None:
        super().__init__(reason or f"refused with {code} ({info or 'no reason was given'})")
        self.code = code
        self.info = info


class IncompatibleServer(StarcastError):
    """The server does not speak ``starcast.v1``."""


class SilentServer(StarcastError, OSError):
    """The server did not answer in time. Internal: the client reconnects instead of raising this."""

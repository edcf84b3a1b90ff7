"""Everything that this package raises."""

from starcast_client.messages import ErrorInfo


class StarcastError(Exception):
    """The base of all exceptions of this package."""


class TextRefused(StarcastError):
    """The server, or a limit that it named, refuses this text. The client stays usable for the next one."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(str(info))
        self.info = info


class NoText(StarcastError):
    """There is no text yet that could be finished or explained."""


class Superseded(StarcastError):
    """A newer text came before the explanation of this one."""


class Cancelled(StarcastError):
    """What was asked of the newest text was taken back by ``cancel``."""


class ClientClosed(StarcastError):
    """The client was closed while, or before, something was asked of it."""


class ConnectionFailed(StarcastError):
    """No server answered in as many tries, or for as long, as ``Options`` allow."""


class Refused(StarcastError):
    """The server closed for good, or refused the handshake: the same client would be refused again.

    ``code`` is the close code (4500 to 4999) or the HTTP status of the handshake; ``info`` is the error that the server
    sent before, if any.
    """

    def __init__(self, code: int, info: ErrorInfo | None = None) -> None:
        super().__init__(f"refused with {code} ({info or 'no reason was given'})")
        self.code = code
        self.info = info


class IncompatibleServer(StarcastError):
    """What answers does not speak ``starcast.v1``."""


class SilentServer(StarcastError, OSError):
    """The server gave no sign of life in time. A client comes back by itself, and does not raise this."""

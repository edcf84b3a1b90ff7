"""Everything that this package raises."""

from starcast_client.messages import ErrorInfo


class StarcastError(Exception):
    """The base of all exceptions of this package."""


class TextRefused(StarcastError):
    """The server, or a limit that it named, refuses this text. The client stays usable for the next one."""

    def __init__(self, info: ErrorInfo) -> None:
        super().__init__(f"{info.code}: {info.message}")
        self.info = info


class NoText(StarcastError):
    """There is no text yet that could be finished or explained."""


class Superseded(StarcastError):
    """A newer text came before the explanation of this one."""


class ClientClosed(StarcastError):
    """The client was closed while, or before, something was asked of it."""


class ConnectionFailed(StarcastError):
    """No connection came about in as many tries as were allowed."""


class Refused(StarcastError):
    """The server closed for good, or refused the handshake: the same client would be refused again.

    ``code`` is the close code (4500 to 4999) or the HTTP status of the handshake; ``info`` is the error that the server
    sent before, if any.
    """

    def __init__(self, code: int, info: ErrorInfo | None = None) -> None:
        reason = f"{info.code}: {info.message}" if info else "no reason was given"
        super().__init__(f"refused with {code} ({reason})")
        self.code = code
        self.info = info


class IncompatibleServer(StarcastError):
    """What answers does not speak ``starcast.v1``."""


class SilentServer(StarcastError, OSError):
    """The server gave no sign of life in time. A client comes back by itself, and does not raise this."""

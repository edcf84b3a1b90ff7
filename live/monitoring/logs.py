"""Log records as lines or JSON, with the session id and without user texts.

Exceptions of libraries may quote a review, and URL paths may contain anything. So tracebacks contain only exception
types and lines of code, and requests are logged by route.
"""

import copy
import logging
import math
import sys
import threading
import time
import traceback
from contextvars import ContextVar
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpRequest
from pythonjsonlogger.json import JsonFormatter as _JsonFormatter

logger = logging.getLogger(__name__)

session_id: Final[ContextVar[str | None]] = ContextVar("session_id", default=None)
"""Session id (as in ``session.created``) of the connection that the current task belongs to."""

_OURS: Final = ("live", "model_core", "project")
_FIELDS: Final = (
    "timestamp", "level", "logger", "session_id", "message",
    "method", "route", "status", "duration_ms", "duration_s", "code", "exception",
)  # fmt: skip
"""Fields of a JSON record, in this order. Others, such as Django's ``request``, are dropped."""
_REFUSALS: Final = "django.security."
_REFUSALS_EVERY_S: Final = 60.0
_HINTS: Final = {"DisallowedHost": "; add the host names of this server to STARCAST_ALLOWED_HOSTS"}
_CSRF: Final = "django.security.csrf"
_HEALTH: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are answered before routing."""


@cache
def warn_once(logger: logging.Logger, message: str) -> None:
    """Log a warning at its first occurrence in this process: what causes it comes with every request."""
    logger.warning(message)


def route_of(request: HttpRequest) -> str:
    """Return the route's pattern, one of a small set, whatever the client sent."""
    if request.resolver_match is not None:
        return request.resolver_match.route or "/"
    return request.path_info if request.path_info in _HEALTH else "other"


class FailureFilter(logging.Filter):
    """Leaves out Django's records of refusals by status 503, of which an overloaded server has many a second.

    Whoever refuses for another reason than load, such as the database, logs it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is about something else."""
        return getattr(record, "status_code", None) != HTTPStatus.SERVICE_UNAVAILABLE


class RefusalFilter(logging.Filter):
    """Lets one record a minute of each kind of refusal through. Otherwise anybody could fill the disk with them."""

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is no refusal, or the first of its kind in a minute."""
        if not record.name.startswith(_REFUSALS):
            return True
        now = time.monotonic()
        if now - self._logged_at.get(record.name, -math.inf) < _REFUSALS_EVERY_S:
            return False
        self._logged_at[record.name] = now
        return True


def _discreet(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy of the record with the session id and without outside input."""
    record = copy.copy(record)
    record.session_id = getattr(record, "session_id", None) or session_id.get()
    record.exc_text = None  # Another formatter may have cached the full text.
    if record.name.split(".", 1)[0] in _OURS:
        if isinstance(record.args, tuple):
            record.args = tuple(_kind(argument) for argument in record.args)
        return record
    if record.name == "asyncio" and isinstance(record.msg, str):
        record.msg = record.msg.partition("\n")[0]  # Later lines quote the task and its exception.
    if record.name.startswith(_REFUSALS) and record.name != _CSRF:
        # Django logs client input, such as an invalid host, with a traceback.
        kind = record.name.removeprefix(_REFUSALS)
        record.msg, record.args, record.exc_info = f"refused: {kind}{_HINTS.get(kind, '')}", (), None
    if record.name.startswith("daphne.") and not record.args:
        record.msg = _without_words(str(record.msg))
    request = getattr(record, "request", None)
    if isinstance(record.args, tuple):
        record.args = tuple(_named(argument, request) for argument in record.args)
    return record


def _kind(argument: object) -> object:
    """Name the type of an exception and its cause. Only our own exceptions may speak: others may quote a text."""
    if not isinstance(argument, BaseException) or type(argument).__module__.split(".", 1)[0] in _OURS:
        return argument
    cause = argument.__cause__
    detail = getattr(cause, "sqlite_errorname", None) or type(cause).__name__
    return type(argument).__name__ if cause is None else f"{type(argument).__name__} ({detail})"


def _named(argument: object, request: object) -> object:
    if isinstance(argument, BaseException):
        return _kind(argument)
    if isinstance(request, HttpRequest) and argument == request.path:
        return route_of(request)
    if isinstance(argument, str):
        if argument.startswith("<"):  # Daphne's repr of a connection, with address and path.
            return argument.partition(" ")[0] + ">"
        # Django's CSRF reasons end with the origin or referer of the client.
        return argument.partition(" - ")[0] if " checking failed - " in argument else argument
    return argument


def log_unhandled() -> None:
    """Log exceptions of threads and finalizers that nothing caught. Python would print them with their messages."""

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            logger.critical("a thread failed", exc_info=args.exc_value)

    def of_finalizer(unraisable: "sys.UnraisableHookArgs") -> None:
        logger.error("a finalizer failed", exc_info=unraisable.exc_value)

    threading.excepthook, sys.unraisablehook = of_thread, of_finalizer


def _without_words(formatted: str) -> str:
    """Strip exception messages from a formatted traceback. Other texts are unchanged."""
    if "Traceback" not in formatted:
        return formatted
    return "\n".join(line for line in formatted.splitlines() if line.startswith((" ", "Traceback")))


def _traceback(error: BaseException | None) -> str:
    """Format the stack of an exception and its causes, without their messages."""
    parts = []
    while error is not None:
        lines = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{lines}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n".join(reversed(parts))


class LineFormatter(logging.Formatter):
    """One line per record, followed by the traceback."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}{session}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Format a redacted copy of the record."""
        record = _discreet(record)
        record.session = f" [{record.session_id}]" if record.session_id else ""  # type: ignore[attr-defined]
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Format the traceback without exception messages."""
        return _traceback(ei[1])


class JsonFormatter(_JsonFormatter):
    """One JSON object per record."""

    def __init__(self) -> None:
        names = {"levelname": "level", "name": "logger", "exc_info": "exception"}
        super().__init__(["levelname", "name", "message", "session_id"], timestamp=True, rename_fields=names)

    def format(self, record: logging.LogRecord) -> str:
        """Format a redacted copy of the record."""
        return super().format(_discreet(record))

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Keep known fields that have a value."""
        return {name: log_data[name] for name in _FIELDS if log_data.get(name) is not None}

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """Format the traceback without exception messages."""
        return _traceback(ei[1])

"""What is logged, as lines or as JSON: with the session that it concerns, and without what people typed.

Exceptions of libraries may quote what they were given, which may be a review; requests are logged by their route, for a
path can hold anything. So tracebacks name the exception and the lines of code, and no more.
"""

import copy
import logging
import traceback
from contextvars import ContextVar
from typing import Any, Final

from django.http import HttpRequest
from pythonjsonlogger.json import JsonFormatter as _JsonFormatter

session_id: Final[ContextVar[str | None]] = ContextVar("session_id", default=None)
"""That of the connection that the running task works for: the one of its ``session.created``."""

_OURS: Final = ("live", "model_core", "project")
_FIELDS: Final = (
    "timestamp", "level", "logger", "session_id", "message",
    "method", "route", "status", "duration_ms", "duration_s", "code", "exception",
)  # fmt: skip
"""What goes into JSON, in this order; other fields, such as the request that Django attaches, do not."""
_REFUSALS: Final = "django.security."
_CSRF: Final = "django.security.csrf"
_HEALTH: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Answered before any route."""


def route_of(request: HttpRequest) -> str:
    """The pattern of the route that a request took: one of few, whatever the client sent."""
    if request.resolver_match is not None:
        return request.resolver_match.route or "/"
    return request.path_info if request.path_info in _HEALTH else "other"


def _discreet(record: logging.LogRecord) -> logging.LogRecord:
    """A copy that names its session, and quotes nothing that came from outside."""
    record = copy.copy(record)
    record.session_id = getattr(record, "session_id", None) or session_id.get()
    record.exc_text = None  # Another formatter may have left a text with everything in it.
    if record.name.split(".", 1)[0] in _OURS:
        return record
    if record.name == "asyncio" and isinstance(record.msg, str):
        record.msg = record.msg.partition("\n")[0]  # The next lines show the task with its exception.
    if record.name.startswith(_REFUSALS) and record.name != _CSRF:
        # Django logs what the client sent, such as a host of whatever name, with a traceback through itself.
        record.msg, record.args, record.exc_info = f"refused: {record.name.removeprefix(_REFUSALS)}", (), None
    if record.name.startswith("daphne.") and not record.args:
        record.msg = _without_words(str(record.msg))
    request = getattr(record, "request", None)
    if isinstance(record.args, tuple):
        record.args = tuple(_named(argument, request) for argument in record.args)
    return record


def _named(argument: object, request: object) -> object:
    if isinstance(argument, BaseException):
        return type(argument).__name__
    if isinstance(request, HttpRequest) and argument == request.path:
        return route_of(request)
    if isinstance(argument, str):
        if argument.startswith("<"):  # How Daphne shows a connection: with its address and path.
            return argument.partition(" ")[0] + ">"
        # Django's reasons against a form end so, with the origin or page that the client named.
        return argument.partition(" - ")[0] if " checking failed - " in argument else argument
    return argument


def _without_words(formatted: str) -> str:
    """A traceback that is text already, without what the exceptions say; other texts as they are."""
    if "Traceback" not in formatted:
        return formatted
    return "\n".join(line for line in formatted.splitlines() if line.startswith((" ", "Traceback")))


def _traceback(error: BaseException | None) -> str:
    """The lines of code that an exception and its causes passed, the latest last, without what they say."""
    parts = []
    while error is not None:
        lines = "".join(traceback.format_tb(error.__traceback__))
        parts.append(f"Traceback (most recent call last):\n{lines}{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\n".join(reversed(parts))


class LineFormatter(logging.Formatter):
    """One line a record, and the traceback after it."""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}{session}: {message}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        """Format a copy of the record."""
        record = _discreet(record)
        record.session = f" [{record.session_id}]" if record.session_id else ""  # type: ignore[attr-defined]
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The traceback, without what the exception says."""
        return _traceback(ei[1])


class JsonFormatter(_JsonFormatter):
    """One JSON object a record."""

    def __init__(self) -> None:
        names = {"levelname": "level", "name": "logger", "exc_info": "exception"}
        super().__init__(["levelname", "name", "message", "session_id"], timestamp=True, rename_fields=names)

    def format(self, record: logging.LogRecord) -> str:
        """Format a copy of the record."""
        return super().format(_discreet(record))

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """Keep what has a value and is known."""
        return {name: log_data[name] for name in _FIELDS if log_data.get(name) is not None}

    def formatException(self, ei: Any) -> str:  # noqa: N802
        """The traceback, without what the exception says."""
        return _traceback(ei[1])

"""Exceptions of ``model_core``."""


class ModelCoreError(Exception):
    """Base class of all exceptions that this package raises on purpose."""


class CheckpointError(ModelCoreError):
    """A checkpoint is missing, damaged, of the wrong kind, or needs a package that is not installed."""


class EngineError(ModelCoreError):
    """The engine could not rate a text. Retrying may succeed."""


class ComeBack(EngineError):  # noqa: N818 - reads as what it says
    """There is no room for the work now; it may be asked for again after ``retry_after_s``."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Overloaded(ComeBack):
    """So much waits that this work would not be done in time."""


class BeyondRate(ComeBack):
    """The asker asks for more work than its rate allows."""


class ModelUnavailable(EngineError):  # noqa: N818 - reads as what it says
    """The model did not answer within the deadline, or the engine is closed."""


def one_line(error: Exception) -> str:
    """Return the message of a library's exception on one line."""
    return " ".join(str(error).split())

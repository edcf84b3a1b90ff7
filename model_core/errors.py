"""Exceptions of ``model_core``."""


class ModelCoreError(Exception):
    """Base class of all exceptions that this package raises on purpose."""


class CheckpointError(ModelCoreError):
    """A checkpoint is missing, damaged, of the wrong kind, or needs a package that is not installed."""


class EngineError(ModelCoreError):
    """The engine could not rate a text. Retrying may succeed."""


class Overloaded(EngineError):  # noqa: N818 - reads as what it says
    """The queue is so long that this text would not be answered in time."""


class ModelUnavailable(EngineError):  # noqa: N818 - reads as what it says
    """The model did not answer within the deadline, or the engine is closed."""


def one_line(error: Exception) -> str:
    """Return the message of a library's exception on one line."""
    return " ".join(str(error).split())

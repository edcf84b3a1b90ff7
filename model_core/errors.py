"""All errors of ``model_core``."""


class ModelCoreError(Exception):
    """Base of every error this package raises on purpose."""


class CheckpointError(ModelCoreError):
    """A checkpoint is missing, damaged, of another kind, or asks for a package that is not installed."""


class EngineError(ModelCoreError):
    """The engine could not answer for one text. Trying again may succeed."""


class Overloaded(EngineError):  # noqa: N818 - reads as what it says
    """So much work waits that this text would not be answered in time."""


class ModelUnavailable(EngineError):  # noqa: N818 - reads as what it says
    """The model did not answer within the deadline, or the engine is closed."""


def one_line(error: Exception) -> str:
    """What a library says, on one line: some explain themselves in whole paragraphs."""
    return " ".join(str(error).split())

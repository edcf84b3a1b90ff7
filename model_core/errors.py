"""All errors of ``model_core``."""


class ModelCoreError(Exception):
    """Base of every error this package raises on purpose."""


class CheckpointError(ModelCoreError):
    """A checkpoint is missing, damaged, of another kind, or asks for a package that is not installed."""


class EngineError(ModelCoreError):
    """The engine could not answer for one text. Trying again may succeed."""


class Overloaded(EngineError):
    """So much work waits that this text would not be answered in time."""


class ModelUnavailable(EngineError):
    """The model did not answer within the deadline, or the engine is closed."""

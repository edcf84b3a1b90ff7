"""Errors that several modules of training raise."""


class TrainingError(Exception):
    """Base class of all exceptions that this package raises on purpose. The message is for users."""


class DataError(TrainingError):
    """The data is missing, broken, or not what it should be."""

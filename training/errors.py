"""Errors that several modules of training raise."""


class DataError(Exception):
    """The data is missing, broken, or not what it should be. The message is for users."""

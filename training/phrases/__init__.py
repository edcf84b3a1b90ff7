"""Short texts of our own to train on. None of them is in ``training.sets``, which evaluate."""

from pathlib import Path

from training import sets

_FOLDER = Path(__file__).parent


def read_lines(name: str) -> list[str]:
    """Return the lines of a file, in order."""
    return sets.read_lines(name, _FOLDER)


def read_kinds(name: str) -> dict[str, list[str]]:
    """Return the lines of a file by kind."""
    return sets.kinds_of(read_lines(name))

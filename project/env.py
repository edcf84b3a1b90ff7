"""Typed reading of environment variables that fails loudly: a typing error must not become a default."""

import os
import secrets
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}

_read: Final[set[str]] = set()
"""Names that were asked for, so that others can be told to be wrong."""


def unknown(prefix: str, others: Collection[str] = ()) -> dict[str, str | None]:
    """Variables of this prefix that nothing has asked for, less ``others``, each with the name that may be meant."""
    names = sorted(name for name in os.environ if name.startswith(prefix) and name not in _read and name not in others)
    known = {name.removeprefix(prefix): name for name in _read}
    meant = {name: get_close_matches(name.removeprefix(prefix), known, 1, cutoff=0.7) for name in names}
    return {name: known[close[0]] if close else None for name, close in meant.items()}


def _get(name: str) -> str | None:
    _read.add(name)
    return os.environ.get(name)


def env_str(name: str, default: str) -> str:
    """Return the variable, or the default where it is not set."""
    value = _get(name)
    return default if value is None else value


def env_bool(name: str, default: bool) -> bool:
    """Return a yes or no. Raises ImproperlyConfigured for anything else."""
    value = _get(name)
    if value is None:
        return default
    if value.lower() not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")
    return value.lower() in _TRUE


def env_int(name: str, default: int, minimum: int = 1) -> int:
    """Return a whole number of at least ``minimum``. Raises ImproperlyConfigured."""
    value = _get(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from error
    if number < minimum:
        raise ImproperlyConfigured(f"{name} must be {minimum} or more, not {number}")
    return number


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    """Return one of ``choices``, whatever its case. Raises ImproperlyConfigured for anything else."""
    value = env_str(name, default).upper()
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def env_list(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return a comma-separated list, without empty entries."""
    value = _get(name)
    return list(default) if value is None else [part.strip() for part in value.split(",") if part.strip()]


def env_path(name: str, default: Path) -> Path:
    """Return a path, with ``~`` expanded."""
    value = _get(name)
    return default if not value else Path(value).expanduser()


def env_optional_secret(name: str, default_file: Path | None = None) -> str:
    """Return a secret from NAME, from the file NAME_FILE, or from ``default_file``; empty where none of them is set.

    Raises ImproperlyConfigured where NAME_FILE names no file.
    """
    value, named = _get(name), _get(f"{name}_FILE")
    if value:
        return value
    if named:
        if not Path(named).expanduser().is_file():
            raise ImproperlyConfigured(f"{name}_FILE names {named}, which is no file")
        default_file = Path(named).expanduser()
    return default_file.read_text(encoding="utf-8").strip() if default_file and default_file.is_file() else ""


def env_secret(name: str, default_file: Path, optional: bool) -> str:
    """Return a secret from NAME, from the file NAME_FILE, or from ``default_file``.

    Where none of these is there, ``optional`` gives a random one that lasts as long as the process; otherwise
    ImproperlyConfigured is raised.
    """
    if value := env_optional_secret(name, default_file):
        return value
    if optional:
        return secrets.token_urlsafe(50)
    raise ImproperlyConfigured(f"no secret key: set {name} or {name}_FILE, or let `make secret` write {default_file}")

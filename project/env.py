"""Typed reading of environment variables that fails loudly: a typing error must not become a default."""

import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def env_str(name: str, default: str) -> str:
    """Return the variable, or the default where it is not set."""
    return os.environ.get(name, default)


def env_bool(name: str, default: bool) -> bool:
    """Return a yes or no. Raises ImproperlyConfigured for anything else."""
    value = os.environ.get(name)
    if value is None:
        return default
    if value.lower() not in _TRUE | _FALSE:
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")
    return value.lower() in _TRUE


def env_int(name: str, default: int, minimum: int = 1) -> int:
    """Return a whole number of at least ``minimum``. Raises ImproperlyConfigured."""
    value = os.environ.get(name)
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
    value = os.environ.get(name, default).upper()
    if value not in choices:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def env_list(name: str, default: tuple[str, ...] = ()) -> list[str]:
    """Return a comma-separated list, without empty entries."""
    value = os.environ.get(name)
    return list(default) if value is None else [part.strip() for part in value.split(",") if part.strip()]


def env_path(name: str, default: Path) -> Path:
    """Return a path, with ``~`` expanded."""
    value = os.environ.get(name)
    return default if not value else Path(value).expanduser()


def env_secret(name: str, default_file: Path, optional: bool) -> str:
    """Return a secret from NAME, from the file NAME_FILE, or from ``default_file``.

    Where none of these is there, ``optional`` gives a random one that lasts as long as the process; otherwise
    ImproperlyConfigured is raised.
    """
    if value := os.environ.get(name):
        return value
    path = env_path(f"{name}_FILE", default_file)
    if path.is_file() and (value := path.read_text(encoding="utf-8").strip()):
        return value
    if optional:
        return secrets.token_urlsafe(50)
    raise ImproperlyConfigured(f"no secret key: set {name} or {name}_FILE, or let `make secret` write {default_file}")

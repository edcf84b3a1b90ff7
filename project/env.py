"""Typed reading of environment variables that fails loudly: a typing error must not become a default."""

import contextlib
import os
import secrets
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}

_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_mb(cgroup_limit: Path = _CGROUP_LIMIT) -> int:
    """Return the memory of this machine in MiB, or of the container where that has less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # Without a container or a limit there is no such number.
        total = min(total, int(cgroup_limit.read_text()))
    return total // 2**20


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


def env_optional_secret(name: str, default_file: Path | None = None) -> str:
    """Return a secret from NAME, from the file NAME_FILE, or from ``default_file``; empty where none of them is set.

    Raises ImproperlyConfigured where NAME_FILE names no file.
    """
    if value := os.environ.get(name):
        return value
    if named := os.environ.get(f"{name}_FILE"):
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

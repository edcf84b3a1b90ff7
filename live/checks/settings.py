"""System checks of the settings, each with an id and a hint. They run at start."""

import dataclasses
import os
import stat
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004
from django.http.request import split_domain_port
from pydantic import ValidationError

from live.limits import Limits, get_limits
from live.messages.validation import in_one_line
from model_core.errors import CheckpointError
from model_core.loading import BACKENDS, read_folder
from model_core.options import EngineOptions

_VARIABLES: Final = {
    field.name: f"STARCAST_{field.name.upper()}"
    for kind in (Limits, EngineOptions)
    for field in dataclasses.fields(kind)
}
_PRIVATE_FILES: Final = ("secret_key", "starcast.sqlite3", "starcast.sqlite3-wal", "starcast.sqlite3-shm")
_TOKEN_LENGTH: Final = 20
_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Return errors and warnings about all settings of Starcast."""
    return [
        *_check_model(),
        *_check_limits(),
        *_check_hosts(),
        *_check_origins(),
        *_check_data_dir(),
        *_check_private_files(),
        *_check_redis(),
        *_check_metrics(),
        *_check_static_files(),
        *_check_names(),
    ]


def _check_model() -> list[CheckMessage]:
    backend = settings.STARCAST_BACKEND
    if backend not in BACKENDS:
        hint = f"Set STARCAST_BACKEND to one of {', '.join(BACKENDS)}."
        return [Error(f"Unknown backend {backend!r}.", hint=hint, id="starcast.E001")]
    if backend == "fake":
        return []
    try:
        read_folder(settings.STARCAST_CHECKPOINT)
    except CheckpointError as error:
        hint = "Set STARCAST_CHECKPOINT to a folder written by training.export."
        return [Error(f"The checkpoint cannot be loaded: {error}", hint=hint, id="starcast.E002")]
    return []


def _check_limits() -> list[CheckMessage]:
    try:
        get_limits()
        EngineOptions(**settings.STARCAST_ENGINE)
    except ValidationError as error:
        hint = "docs/configuration.md lists the limits with their defaults."
        return [Error(f"Invalid limit: {in_one_line(error, _VARIABLES)}", hint=hint, id="starcast.E003")]
    return []


def _check_hosts() -> list[CheckMessage]:
    hint = "STARCAST_ALLOWED_HOSTS takes host names such as example.com, or .example.com to include its subdomains."
    no_path = "Starcast cannot be below a path: give it a host name of its own, such as stars.example.com."
    return [
        Error(
            f"{host!r} is not a host name, so no request will match it.",
            hint=no_path if "/" in host.rpartition("://")[2] else hint,
            id="starcast.E008",
        )
        for host in settings.ALLOWED_HOSTS
        if host != "*" and split_domain_port(host.lower()) != (host.lower().removesuffix("."), "")
    ]


def _check_origins() -> list[CheckMessage]:
    return [
        Error(
            f"{origin!r} is not an origin as browsers send it.",
            hint="STARCAST_ORIGINS takes a scheme, a host in lower case and a port that is not the usual one, and "
            "nothing else, such as https://example.com.",
            id="starcast.E004",
        )
        for origin in settings.STARCAST_ORIGINS
        if not _is_origin(origin)
    ]


def _check_data_dir() -> list[CheckMessage]:
    folder = settings.DATA_DIR
    if folder.is_dir() and os.access(folder, os.W_OK):
        return []
    hint = "Create the folder, or set STARCAST_DATA_DIR to a folder that this user can write to."
    return [Error(f"The data folder {folder} does not exist or is not writable.", hint=hint, id="starcast.E005")]


def _check_private_files() -> list[CheckMessage]:
    if not _is_for_others(settings.DATA_DIR, stat.S_IXGRP | stat.S_IXOTH):
        return []
    files = (settings.DATA_DIR / name for name in _PRIVATE_FILES)
    return [
        Warning(
            f"Other users of this machine can read {file}, which holds secrets or texts.",
            hint=f"Run: chmod 600 {file}",
            id="starcast.W005",
        )
        for file in files
        if _is_for_others(file, stat.S_IRWXG | stat.S_IRWXO)
    ]


def _is_for_others(path: Path, rights: int) -> bool:
    try:
        return bool(path.stat().st_mode & rights)
    except OSError:  # PostgreSQL and the environment may hold what these files would.
        return False


def _check_redis() -> list[CheckMessage]:
    if not settings.REDIS_URL:
        return []
    if urlsplit(settings.REDIS_URL).scheme not in _REDIS_SCHEMES:
        hint = "Use redis://host:6379/0, or rediss:// for TLS."
        return [Error("STARCAST_REDIS_URL is not a Redis URL.", hint=hint, id="starcast.E007")]
    if find_spec("channels_redis"):
        return []
    hint = "Install the extra `redis`, or leave STARCAST_REDIS_URL empty."
    return [Error("STARCAST_REDIS_URL is set, but the Redis client is not installed.", hint=hint, id="starcast.E006")]


def _check_metrics() -> list[CheckMessage]:
    token = settings.STARCAST_METRICS_TOKEN
    if not token or (len(token) >= _TOKEN_LENGTH and token.isascii() and token.isprintable() and " " not in token):
        return []
    hint = "Generate one with: openssl rand -hex 32"
    problem = f"STARCAST_METRICS_TOKEN must have at least {_TOKEN_LENGTH} ASCII characters and no spaces."
    return [Error(problem, hint=hint, id="starcast.E020")]


def _check_static_files() -> list[CheckMessage]:
    if settings.DEBUG or (Path(settings.STATIC_ROOT) / "staticfiles.json").is_file():
        return []
    hint = "Run manage.py collectstatic, or set STARCAST_STATIC_DIR to the folder that it wrote."
    problem = f"The static files are not in {settings.STATIC_ROOT}, so the page cannot be shown."
    return [Warning(problem, hint=hint, id="starcast.W006")]


def _check_names() -> list[CheckMessage]:
    return [
        Warning(
            f"{name} is set, but there is no such setting.",
            hint=f"Did you mean {meant}?" if meant else "docs/configuration.md lists all settings.",
            id="starcast.W007",
        )
        for name, meant in settings.STARCAST_UNKNOWN.items()
    ]


def _is_origin(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        is_usual = parts.port == {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return False
    if parts.scheme not in ("http", "https") or not parts.netloc or is_usual:
        return False
    return origin == f"{parts.scheme}://{parts.netloc}".lower()

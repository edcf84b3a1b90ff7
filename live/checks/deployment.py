"""What ``manage.py check --deploy`` says beyond Django's own: settings that work, and are not for the open internet."""

import stat
from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004

from live.server.health_check import TIMEOUT_S
from project.machine import cores, memory_mb

_WITHOUT_CACHE_MB: Final = 200
"""What a server takes beside its cache."""


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check what a public server should have set."""
    return [
        *_check_backend(),
        *_check_hosts(),
        *_check_origins(),
        *_check_threads(),
        *_check_memory(),
        *_check_deadline(),
        *_check_secret_file(),
    ]


def _check_backend() -> list[CheckMessage]:
    if settings.STARCAST_BACKEND != "fake":
        return []
    hint = "Leave STARCAST_BACKEND out, so that it is onnx."
    return [Warning("The ratings are made up: the backend is `fake`.", hint=hint, id="starcast.W001")]


def _check_hosts() -> list[CheckMessage]:
    if not {"*", "."} & set(settings.ALLOWED_HOSTS):
        return []
    hint = "Set STARCAST_ALLOWED_HOSTS to the names of this site: any other page could point its own name here."
    return [Warning("The server answers under any name.", hint=hint, id="starcast.W002")]


def _check_origins() -> list[CheckMessage]:
    hint = "Write it with https:// in STARCAST_ORIGINS: who sits between could change a page that comes without TLS."
    return [
        Warning(f"Pages of {origin} may connect, and come without TLS.", hint=hint, id="starcast.W003")
        for origin in settings.STARCAST_ORIGINS
        if settings.HTTPS and origin.startswith("http://")
    ]


def _check_threads() -> list[CheckMessage]:
    available, threads = cores(), settings.STARCAST_MODEL_THREADS
    if threads <= max(1, available):
        return []
    hint = f"Set STARCAST_MODEL_THREADS to {max(1, int(available))}: more threads than cores hold each other up."
    return [Warning(f"The model has {threads} threads on {available:g} cores.", hint=hint, id="starcast.W004")]


def _check_memory() -> list[CheckMessage]:
    cache_mb, available_mb = settings.STARCAST_CACHE_MB, memory_mb()
    if cache_mb + _WITHOUT_CACHE_MB <= available_mb:
        return []
    hint = f"Set STARCAST_CACHE_MB to {max(1, available_mb // 4)}: model and connections need room beside it."
    problem = f"The cache may take {cache_mb} MB, where there are {available_mb} MB in all."
    return [Warning(problem, hint=hint, id="starcast.W008")]


def _check_deadline() -> list[CheckMessage]:
    if settings.STARCAST_ENGINE["deadline_ms"] < TIMEOUT_S * 1000:
        return []
    hint = f"Set STARCAST_DEADLINE_MS below {TIMEOUT_S * 1000:.0f}: a check that hears nothing takes it for dead."
    return [Warning("Texts may wait longer than a health check does.", hint=hint, id="starcast.W009")]


def _check_secret_file() -> list[CheckMessage]:
    file = settings.DATA_DIR / "secret_key"
    try:
        if not file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return []
    except OSError:  # The key comes from elsewhere.
        return []
    hint = f"Let its owner alone read it: chmod 600 {file}"
    return [Warning("Others on this machine can read the secret key.", hint=hint, id="starcast.W005")]

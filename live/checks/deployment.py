"""``manage.py check --deploy``: warnings about settings that work but are unsafe on the open internet."""

from collections.abc import Sequence
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004

from live.server.health_check import TIMEOUT_S
from project.machine import cores, memory_mb

_WITHOUT_CACHE_MB: Final = 200
"""Memory of a server without its cache."""


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Warn about settings that a public server should change."""
    return [
        *_check_backend(),
        *_check_hosts(),
        *_check_origins(),
        *_check_threads(),
        *_check_memory(),
        *_check_deadline(),
    ]


def _check_backend() -> list[CheckMessage]:
    if settings.STARCAST_BACKEND != "fake":
        return []
    hint = "Remove STARCAST_BACKEND to use the default, onnx."
    return [Warning("The backend is `fake`: ratings are made up.", hint=hint, id="starcast.W001")]


def _check_hosts() -> list[CheckMessage]:
    if not {"*", "."} & set(settings.ALLOWED_HOSTS):
        return []
    hint = "Set STARCAST_ALLOWED_HOSTS to the host names of this site."
    return [Warning("The server accepts any host name.", hint=hint, id="starcast.W002")]


def _check_origins() -> list[CheckMessage]:
    hint = "Use https:// in STARCAST_ORIGINS: a page that is loaded without TLS can be tampered with."
    return [
        Warning(f"The allowed origin {origin} does not use TLS.", hint=hint, id="starcast.W003")
        for origin in settings.STARCAST_ORIGINS
        if settings.HTTPS and origin.startswith("http://")
    ]


def _check_threads() -> list[CheckMessage]:
    available, threads = cores(), settings.STARCAST_MODEL_THREADS
    if threads <= max(1, available):
        return []
    plural = "s" * (available != 1)
    hint = f"Set STARCAST_MODEL_THREADS to {max(1, int(available))}: more threads than cores slow the model down."
    return [Warning(f"The model uses {threads} threads on {available:g} core{plural}.", hint=hint, id="starcast.W004")]


def _check_memory() -> list[CheckMessage]:
    cache_mb, available_mb = settings.STARCAST_CACHE_MB, memory_mb()
    if cache_mb + _WITHOUT_CACHE_MB <= available_mb:
        return []
    hint = f"Set STARCAST_CACHE_MB to {max(1, available_mb // 4)}: the model and connections need memory too."
    problem = f"The cache may take {cache_mb} MB of only {available_mb} MB of memory."
    return [Warning(problem, hint=hint, id="starcast.W008")]


def _check_deadline() -> list[CheckMessage]:
    if settings.STARCAST_ENGINE["deadline_ms"] < TIMEOUT_S * 1000:
        return []
    hint = f"Set STARCAST_DEADLINE_MS below {TIMEOUT_S * 1000:.0f}, or health checks may fail on a busy server."
    return [Warning("The deadline of texts is longer than the health check's timeout.", hint=hint, id="starcast.W009")]

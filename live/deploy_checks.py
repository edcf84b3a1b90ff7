"""What ``manage.py check --deploy`` says beyond Django's own: settings that work, and are not for the open internet."""

import os
import stat
from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004


@register(Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[CheckMessage]:
    """Check what a public server should have set."""
    return [*_check_backend(), *_check_hosts(), *_check_origins(), *_check_threads(), *_check_secret_file()]


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
    cores, threads = os.cpu_count() or 1, settings.STARCAST_MODEL_THREADS
    if threads <= cores:
        return []
    hint = f"Set STARCAST_MODEL_THREADS to {cores} or less: more threads than cores hold each other up."
    return [Warning(f"The model has {threads} threads on {cores} cores.", hint=hint, id="starcast.W004")]


def _check_secret_file() -> list[CheckMessage]:
    file = settings.DATA_DIR / "secret_key"
    try:
        if not file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            return []
    except OSError:  # The key comes from elsewhere.
        return []
    hint = f"Let its owner alone read it: chmod 600 {file}"
    return [Warning("Others on this machine can read the secret key.", hint=hint, id="starcast.W005")]

"""The one engine of this process, made from the settings when it is first asked for."""

import asyncio
from functools import cache
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed

from model_core.classifier import Classifier
from model_core.engine import Engine, EngineOptions
from model_core.loading import load_classifier

_engine: tuple[asyncio.AbstractEventLoop, Engine] | None = None


@cache
def get_classifier() -> Classifier:
    """The classifier that the settings name. Raises CheckpointError."""
    return load_classifier(
        settings.STARCAST_CHECKPOINT,
        settings.STARCAST_BACKEND,
        settings.STARCAST_MODEL_THREADS,
        settings.STARCAST_CACHE_MB * 2**20,
    )


def get_engine() -> Engine:
    """The engine of the running event loop. Raises CheckpointError."""
    global _engine
    loop = asyncio.get_running_loop()
    # An engine's futures belong to one loop. A server has one; each asynchronous test brings its own.
    if _engine is None or _engine[0] is not loop:
        _engine = loop, Engine(get_classifier(), EngineOptions(**settings.STARCAST_ENGINE))
    return _engine[1]


def reset() -> None:
    """Forget engine and classifier; the next that is asked for is made from the settings as they are then."""
    global _engine
    get_classifier.cache_clear()
    _engine = None


def _on_setting_changed(*, setting: str, **_: Any) -> None:
    if setting.startswith("STARCAST_"):
        reset()


setting_changed.connect(_on_setting_changed)

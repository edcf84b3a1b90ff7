"""The model and engine of this process, made from the settings on first use. The model can be replaced."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.utils import timezone

from live.monitoring.metrics import EngineMetrics, note_model, watch_engine
from model_core.checkpoint import CONFIG_FILE, GOLDEN_FILE, sha256_of
from model_core.classifier import ModelInfo, ServedClassifier
from model_core.engine import Engine
from model_core.golden import check_golden
from model_core.loading import load_classifier
from model_core.options import EngineOptions


@dataclass(frozen=True)
class Serving:
    """A loaded model and where it came from."""

    classifier: ServedClassifier
    folder: Path
    digest: str
    """SHA-256 of ``config.json``, which contains the digests of the other files; empty for the fake model."""
    golden_difference: float | None
    """Largest difference of a probability from the golden answers; None without golden answers."""
    since: datetime = field(default_factory=timezone.now)

    @property
    def title(self) -> str:
        """Name and version as in ``manage.py model list``, and in brackets its own name, if the folder has another."""
        info = self.classifier.info
        if info.name == self.folder.name or info.backend == "fake":
            return f"{info.name} {info.version}"
        return f"{self.folder.name} {info.version} ({info.name})"


_serving: Serving | None = None
_engine: tuple[asyncio.AbstractEventLoop, Engine] | None = None


def load(folder: Path) -> Serving:
    """Load a checkpoint, and check its golden answers if it has any. Raises CheckpointError.

    The current model is not touched.
    """
    classifier = load_classifier(
        folder, settings.STARCAST_BACKEND, settings.STARCAST_MODEL_THREADS, settings.STARCAST_CACHE_MB * 2**20
    )
    if classifier.info.backend == "fake":
        return Serving(classifier, folder, digest="", golden_difference=None)
    difference = check_golden(classifier, folder) if (folder / GOLDEN_FILE).exists() else None
    return Serving(classifier, folder, sha256_of(folder / CONFIG_FILE), difference)


def get_serving() -> Serving:
    """Return the current model; load STARCAST_CHECKPOINT on first use. Raises CheckpointError."""
    global _serving
    if _serving is None:
        _serving = load(settings.STARCAST_CHECKPOINT)
    return _serving


def served_folder() -> Path:
    """The folder of the current model, or of the one that would be loaded."""
    return Path(settings.STARCAST_CHECKPOINT) if _serving is None else _serving.folder


def get_served_info() -> ModelInfo | None:
    """The current model, or None if it is not loaded yet."""
    return None if _serving is None else _serving.classifier.info


def get_classifier() -> ServedClassifier:
    """The classifier of the current model. Raises CheckpointError."""
    return get_serving().classifier


def get_engine() -> Engine:
    """The engine of the running event loop. Raises CheckpointError."""
    global _engine
    loop = asyncio.get_running_loop()
    # An engine's futures belong to one loop. A server has one; each asynchronous test brings its own.
    if _engine is None or _engine[0] is not loop:
        engine = Engine(get_classifier(), EngineOptions(**settings.STARCAST_ENGINE), EngineMetrics())
        watch_engine(engine)
        note_model(engine.info)
        _engine = loop, engine
    return _engine[1]


def start_with(serving: Serving) -> None:
    """Make this the current model, before an engine exists."""
    global _serving
    _serving = serving


async def switch_to(serving: Serving) -> None:
    """Make this the current model from the next batch on. Connections stay open."""
    engine = get_engine()
    start_with(serving)
    note_model(serving.classifier.info)
    await engine.replace(serving.classifier)


def reset() -> None:
    """Forget engine and model. The next use makes them from the settings again."""
    global _serving, _engine
    _serving = _engine = None


def _on_setting_changed(*, setting: str, **_: Any) -> None:
    if setting.startswith("STARCAST_"):
        reset()


setting_changed.connect(_on_setting_changed)

"""Prometheus metrics of this process: only numbers, codes and versions, no texts, keys or addresses.

Labelled children are created at import, so that counting a message needs no look-up. Parts with state, such as open
connections, register a function that reads it.
"""

import time
from collections.abc import Sequence
from typing import Final
from weakref import ref

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from live.messages.errors import CLOSE_MEANINGS, ERRORS, STATUS
from model_core.classifier import ModelInfo
from model_core.engine import Engine

REGISTRY: Final = CollectorRegistry()
for _collector in (ProcessCollector, PlatformCollector, GCCollector):
    _collector(registry=REGISTRY)

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5)
_TEXTS: Final = (1, 2, 4, 8, 16, 32)
_WORK: Final = ("foreground", "background")
_KNOWN_CLOSES: Final = frozenset({1003, 1005, 1006, 1011, *CLOSE_MEANINGS})
"""Other close codes are counted as one, so that clients cannot create unlimited series."""

# From a key to its bars

keystroke_seconds: Final = Histogram(
    "starcast_keystroke_to_answer_seconds",
    "Time from the receipt of a text over WebSocket to its rating, without pauses by min_interval_ms.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
texts: Final = Counter("starcast_texts", "Texts received over WebSocket.", registry=REGISTRY)
skipped_texts: Final = Counter(
    "starcast_skipped_texts", "Texts over WebSocket that a newer text or a cancel replaced.", registry=REGISTRY
)

# What was used, over WebSocket and HTTP

rated_texts: Final = Counter("starcast_rated_texts", "Texts rated, over WebSocket and HTTP.", registry=REGISTRY)
rated_tokens: Final = Counter("starcast_rated_tokens", "Tokens of these texts that the model read.", registry=REGISTRY)
explanations: Final = Counter("starcast_explanations", "Explanations, over WebSocket and HTTP.", registry=REGISTRY)

# The engine

_queue: Final = Histogram(
    "starcast_queue_seconds",
    "Time that texts waited for the model, by work: foreground (keys, single texts) or background.",
    ["work"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_inference: Final = Histogram(
    "starcast_inference_seconds",
    "Time that the model took for a batch, by work.",
    ["work"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
_batch: Final = Histogram(
    "starcast_batch_texts", "Texts of a batch, by work.", ["work"], buckets=_TEXTS, registry=REGISTRY
)
_waiting: Final = Gauge("starcast_waiting_texts", "Texts that wait for the model now.", registry=REGISTRY)
_busy: Final = Gauge(
    "starcast_model_busy_seconds",
    "Age of the batch in the model, 0 while it is idle. Seconds mean that the model hangs.",
    registry=REGISTRY,
)
_model: Final = Info(
    "starcast_model", "1, with name, version, sha256 and backend of the model that answers.", registry=REGISTRY
)
_model_loaded: Final = Gauge(
    "starcast_model_loaded_timestamp_seconds", "When the model that answers was loaded.", registry=REGISTRY
)

_switches: Final = Counter(
    "starcast_model_switches",
    "Switches to another model while serving, by outcome: taken, or refused (the old one goes on).",
    ["outcome"],
    registry=REGISTRY,
)
MODEL_SWITCHES: Final = {outcome: _switches.labels(outcome) for outcome in ("taken", "refused")}

# Connections and requests

open_connections: Final = Gauge("starcast_connections", "Open WebSockets, once greeted.", registry=REGISTRY)
open_rooms: Final = Gauge(
    "starcast_rooms", "Rooms whose typist is connected to this process, or was a moment ago.", registry=REGISTRY
)
open_watchers: Final = Gauge(
    "starcast_watchers", "WebSockets of this process that watch a room of any process.", registry=REGISTRY
)
sessions: Final = Counter("starcast_sessions", "WebSockets greeted so far.", registry=REGISTRY)
_errors: Final = Counter(
    "starcast_errors",
    "Errors sent to clients, by transport (websocket, http) and code.",
    ["transport", "code"],
    registry=REGISTRY,
)
_closes: Final = Counter(
    "starcast_closes",
    "WebSockets closed, by server or client and by code; 1006 is a broken connection.",
    ["by", "code"],
    registry=REGISTRY,
)
http_seconds: Final = Histogram(
    "starcast_http_request_seconds",
    "Time that HTTP requests took, by route, method and status.",
    ["route", "method", "status"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2.5),
    registry=REGISTRY,
)

WEBSOCKET_ERRORS: Final = {
    code: _errors.labels("websocket", code) for code, kind in ERRORS.items() if kind.over_websocket
}
HTTP_ERRORS: Final = {code: _errors.labels("http", code) for code in STATUS}


class EngineMetrics:
    """Records the engine's metrics."""

    def __init__(self) -> None:
        self._children = {
            background: (_queue.labels(work), _inference.labels(work), _batch.labels(work))
            for background, work in zip((False, True), _WORK, strict=True)
        }

    def on_batch(self, queue_s: Sequence[float], inference_s: float, background: bool) -> None:
        """Record a finished batch."""
        queue, inference, batch = self._children[background]
        for waited_s in queue_s:
            queue.observe(waited_s)
        inference.observe(inference_s)
        batch.observe(len(queue_s))


def watch_engine(engine: Engine) -> None:
    """Report queue and busy time of this engine when Prometheus scrapes, until it is garbage-collected."""
    engine_ref = ref(engine)

    def waiting() -> float:
        engine = engine_ref()
        return engine.waiting if engine is not None else 0

    def busy_s() -> float:
        engine = engine_ref()
        return engine.busy_s if engine is not None else 0.0

    _waiting.set_function(waiting)
    _busy.set_function(busy_s)


def note_model(info: ModelInfo) -> None:
    """Record which model is in use."""
    _model.info({"name": info.name, "version": info.version, "sha256": info.sha256, "backend": info.backend})
    _model_loaded.set(time.time())


def note_close(by_server: bool, code: int | None) -> None:
    """Count a closed WebSocket. ``code`` is None if the connection broke."""
    code = 1006 if code is None else code
    _closes.labels("server" if by_server else "client", str(code) if code in _KNOWN_CLOSES else "other").inc()


def sample(name: str, /, **labels: str) -> float:
    """Return the current value of one sample, or 0 if it does not exist."""
    return REGISTRY.get_sample_value(name, labels) or 0.0

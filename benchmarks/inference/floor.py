"""The lower bound for every server: tokenizing and the forward pass, in a loop over one typist's keys."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.load.keystrokes import Key
from benchmarks.load.latency import Latencies
from model_core.backends.onnx import OnnxBackend
from model_core.backends.onnx_cached import CachedOnnxBackend
from model_core.cache import EncoderCache
from model_core.checkpoint import ONNX_CACHED_FILE, ONNX_FILE, TOKENIZER_FILE, read_config
from model_core.loading import DEFAULT_CACHE_BYTES
from model_core.tokenizer import TextTokenizer

_WARMUP_KEYS = 10


def floor_passes(checkpoint: Path, threads: int) -> dict[str, Callable[[str], object]]:
    """Return ways to rate a text without a server: ``whole``, and ``typing`` for a block-causal checkpoint.

    ``typing`` encodes only what is new since the last text.
    """
    config, _ = read_config(checkpoint)
    tokenizer = TextTokenizer.from_config(checkpoint / TOKENIZER_FILE, config)
    bare = whole_backend(checkpoint, threads)
    passes: dict[str, Callable[[str], object]] = {"whole": lambda text: bare.logits([tokenizer.encode(text).input_ids])}
    if config.attention == "block-causal":
        cached, cache = cached_backend(checkpoint, threads), EncoderCache()
        passes["typing"] = lambda text: cached.logits([tokenizer.encode(text).input_ids], [cache])
    return passes


def whole_backend(checkpoint: Path, threads: int) -> OnnxBackend:
    """Return the forward pass that encodes a whole text."""
    config, _ = read_config(checkpoint)
    return OnnxBackend(checkpoint / ONNX_FILE, threads, len(config.labels))


def cached_backend(checkpoint: Path, threads: int) -> CachedOnnxBackend:
    """Return the forward pass of a block-causal checkpoint, which encodes only what is new since the last text."""
    config, _ = read_config(checkpoint)
    path = checkpoint / ONNX_CACHED_FILE
    return CachedOnnxBackend(path, config.block, config.read_tokens, threads, DEFAULT_CACHE_BYTES, len(config.labels))


def measure_floor(
    passes: Mapping[str, Callable[[str], object]], keys: Iterable[Key], duration_s: float
) -> dict[str, Any]:
    """Return the milliseconds of each way; they take turns over the keys at their due times."""
    latencies = {name: Latencies() for name in passes}
    end_s = float("inf")
    for number, key in enumerate(keys):
        if number == _WARMUP_KEYS:
            end_s = time.perf_counter() + duration_s
        if time.perf_counter() >= end_s:
            break
        for name, rate in passes.items():
            started_s = time.perf_counter()
            rate(key.text)
            if number >= _WARMUP_KEYS:
                latencies[name].record(time.perf_counter() - started_s)
    return {name: {**measured.summary_ms(), "passes": len(measured)} for name, measured in latencies.items()}

"""Throughput of 64 texts at once through the classifier, compared with loops over texts sorted by length."""

import importlib.util
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.inference.floor import whole_backend
from benchmarks.load.keystrokes import SHORT_CHARS
from benchmarks.load.texts import read_texts
from model_core.checkpoint import TOKENIZER_FILE, read_config
from model_core.loading import load_classifier
from model_core.tokenizer import TextTokenizer

TEXTS: Final = 64
_ROUNDS: Final = 5
_TORCH_BATCH: Final = 16
_LEAST_CHARS: Final = 20


def measure_batches(checkpoint: Path, threads: int) -> dict[str, Any]:
    """Return the median texts per second of each way, measured in turns on new texts in each round."""
    ways = _ways(checkpoint, threads)
    rng = random.Random(1)  # noqa: S311 - chance, not secrecy
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(_ROUNDS):
        texts = unfinished_reviews(rng, TEXTS)
        for name, rate in ways.items():
            started = time.perf_counter()
            rate(texts)
            found[name].append(len(texts) / (time.perf_counter() - started))
    medians = {name: round(statistics.median(values), 1) for name, values in found.items()}
    return {"texts": TEXTS, "rounds": _ROUNDS, "texts_per_s": medians}


def unfinished_reviews(rng: random.Random, count: int) -> list[str]:
    """Return beginnings of reviews, up to 250 characters, with shuffled words so that no cache has them."""
    reviews = read_texts(None)
    texts: dict[str, None] = {}
    while len(texts) < count:
        words = rng.choice(reviews)[: rng.randint(_LEAST_CHARS, SHORT_CHARS)].split()
        rng.shuffle(words)
        texts[" ".join(words)] = None
    return list(texts)


def _ways(checkpoint: Path, threads: int) -> dict[str, Callable[[Sequence[str]], object]]:
    config, _ = read_config(checkpoint)
    tokenizer = TextTokenizer.from_config(checkpoint / TOKENIZER_FILE, config)
    bare = whole_backend(checkpoint, threads)
    classifier = load_classifier(checkpoint, "onnx", threads)
    ways: dict[str, Callable[[Sequence[str]], object]] = {
        "classify": classifier.classify,
        "sorted loop": lambda texts: [
            bare.logits([tokenizer.encode(text).input_ids]) for text in sorted(texts, key=len)
        ],
    }
    if importlib.util.find_spec("torch"):
        float32 = load_classifier(checkpoint, "torch", threads)
        ways["sorted batches in pytorch"] = lambda texts: [
            float32.classify(part) for part in _parts(sorted(texts, key=len), _TORCH_BATCH)
        ]
    return ways


def _parts(texts: Sequence[str], size: int) -> list[Sequence[str]]:
    return [texts[first : first + size] for first in range(0, len(texts), size)]

"""A classifier without a model, for tests and demonstrations of everything around it: deterministic and instant."""

import hashlib
import threading
from collections.abc import Sequence

import numpy as np

from model_core.cache import Caches
from model_core.classifier import ModelInfo, Prediction, softmax
from model_core.labels import NUM_LABELS
from model_core.text import clean_text

FAKE_INFO = ModelInfo(
    name="fake",
    version="0",
    sha256="0" * 64,
    backend="fake",
    max_tokens=512,
    prior=(1 / NUM_LABELS,) * NUM_LABELS,
)


class FakeClassifier:
    """Rates a text by its hash. ``fail_on`` makes texts that contain it raise; ``gate`` holds every answer back."""

    def __init__(self, fail_on: str | None = None, gate: threading.Event | None = None) -> None:
        self.info = FAKE_INFO
        self.fail_on = fail_on
        self.gate = gate
        self.batches: list[list[str]] = []
        """Every batch that was asked for, in order."""
        self.asked = threading.Semaphore(0)
        """Released at each batch, before it waits for the gate."""

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts. Raises RuntimeError on a text that holds ``fail_on``."""
        self.batches.append(list(texts))
        self.asked.release()
        if self.gate is not None:
            self.gate.wait()
        if self.fail_on is not None and any(self.fail_on in text for text in texts):
            raise RuntimeError("the fake classifier was told to fail on this text")
        return [_rate(clean_text(text)) for text in texts]


def _rate(text: str) -> Prediction:
    words = len(text.split())
    if not words:
        return Prediction(FAKE_INFO.prior, tokens=0, truncated=False, is_prior=True)
    digest = hashlib.sha256(text.encode()).digest()
    logits = np.frombuffer(digest, dtype=np.uint8)[:NUM_LABELS].astype(np.float32) / 64
    return Prediction(tuple(softmax(logits).tolist()), min(words, FAKE_INFO.max_tokens - 2), words > 510)

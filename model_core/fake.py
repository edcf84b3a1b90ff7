"""A classifier without a model, for tests and demonstrations: deterministic and instant."""

import hashlib
from collections.abc import Sequence

import numpy as np

from model_core.cache import Caches, EncoderCache
from model_core.classifier import ModelInfo, Prediction, prediction_of, prior_of, softmax
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
    """Rates a text by its hash."""

    def __init__(self) -> None:
        self.info = FAKE_INFO

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts."""
        return [_rate(clean_text(text)) for text in texts]

    def advance(self, text: str, cache: EncoderCache, tokens: int) -> bool:
        """Leave all to ``classify``."""
        return False


def _rate(text: str) -> Prediction:
    words = len(text.split())
    if not words:
        return prior_of(FAKE_INFO, legible=1.0)
    digest = hashlib.sha256(text.encode()).digest()
    logits = np.frombuffer(digest, dtype=np.uint8)[:NUM_LABELS].astype(np.float32) / 64
    probabilities = tuple(softmax(logits).tolist())
    return prediction_of(FAKE_INFO, probabilities, min(words, FAKE_INFO.max_tokens - 2), words > 510, legible=1.0)

"""A classifier without a model, for tests and demonstrations: deterministic and instant. Each word is a token."""

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np

from model_core.cache import Caches, EncoderCache
from model_core.classifier import ModelInfo, Prediction, prediction_of, prior_of, softmax
from model_core.labels import NUM_LABELS
from model_core.pieces import Pieces
from model_core.text import clean_text
from model_core.work import Size

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

    def prepare(self, text: str, cache: EncoderCache) -> int:
        """Cut the text into pieces, as a real tokenizer would."""
        cache.pieces = self._read(text, cache)
        return cache.pieces.unknown_chars

    def tokenise(self, text: str, cache: EncoderCache, chars: int) -> int:
        """Count the words of up to ``chars`` characters."""
        pieces = cache.pieces = self._read(text, cache)
        pieces.tokenise(tokens_of, chars)
        return pieces.unknown_chars

    def measure(self, text: str, cache: EncoderCache) -> Size:
        """Return how many words are not in the cache."""
        pieces = self._read(text, cache)
        pieces.tokenise(tokens_of)
        ids = tuple(pieces.tokens()[: FAKE_INFO.max_tokens - 2])
        cached = cache.shared_blocks(ids, 1)
        return Size(len(ids) - cached, cached)

    def _read(self, text: str, cache: EncoderCache) -> Pieces:
        before = cache.pieces if cache.pieces.source is self else Pieces(self)
        return before if before.written == text else before.changed_to(text, clean_text(text))

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts."""
        return [_rate(clean_text(text)) for text in texts]

    def advance(self, text: str, cache: EncoderCache, tokens: int) -> bool:
        """Leave all to ``classify``."""
        return False


def tokens_of(text: str) -> list[int]:
    """Return one number for each word."""
    return [zlib.crc32(word.encode()) for word in text.split()]


def _rate(text: str) -> Prediction:
    words = len(text.split())
    if not words:
        return prior_of(FAKE_INFO, legible=1.0)
    digest = hashlib.sha256(text.encode()).digest()
    logits = np.frombuffer(digest, dtype=np.uint8)[:NUM_LABELS].astype(np.float32) / 64
    probabilities = tuple(softmax(logits).tolist())
    return prediction_of(FAKE_INFO, probabilities, min(words, FAKE_INFO.max_tokens - 2), words > 510, legible=1.0)

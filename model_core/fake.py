"""A classifier without a model, for tests and demonstrations: deterministic and instant. Each word is a token."""

import hashlib
import re
import zlib
from collections.abc import Sequence

import numpy as np

from model_core.cache import Caches, EncoderCache
from model_core.checkpoint import ENGLISH, Page
from model_core.classifier import Input, ModelInfo, Prediction, Variants, prediction_of, prior_of, softmax
from model_core.labels import FILM_RATINGS, LabelSet
from model_core.text import clean, clean_text
from model_core.tokenization.pieces import Pieces
from model_core.tokenizer import LocatedTokens
from model_core.work import Size

_MAX_TOKENS = 512
_MOST_WORDS = _MAX_TOKENS - 2
_BLOCK = 16


def fake_info(labels: LabelSet, page: Page | None = None, language: str = ENGLISH) -> ModelInfo:
    """Describe a fake model with these labels."""
    return ModelInfo(
        name="fake",
        version="0",
        sha256="0" * 64,
        backend="fake",
        max_tokens=_MAX_TOKENS,
        prior=(1 / len(labels),) * len(labels),
        labels=labels,
        language=language,
        page=page,
    )


FAKE_INFO = fake_info(FILM_RATINGS)


class FakeClassifier:
    """Rates a text by its hash, and tokens by theirs."""

    def __init__(self, info: ModelInfo = FAKE_INFO) -> None:
        self.info = info

    def prepare(self, text: Input, cache: EncoderCache) -> int:
        """Cut the text into pieces, as a real tokenizer would."""
        if not isinstance(text, str):
            return 0
        cache.pieces = self._read(text, cache)
        return cache.pieces.unknown_chars

    def tokenise(self, text: Input, cache: EncoderCache, chars: int) -> int:
        """Count the words of up to ``chars`` characters."""
        if not isinstance(text, str):
            return 0
        pieces = cache.pieces = self._read(text, cache)
        pieces.tokenise(tokens_of, chars)
        return pieces.unknown_chars

    def measure(self, text: Input, cache: EncoderCache) -> Size:
        """Return how many words are not in the cache."""
        if isinstance(text, Variants):
            return text.size
        if isinstance(text, str):
            pieces = self._read(text, cache)
            pieces.tokenise(tokens_of)
            ids = tuple(pieces.tokens()[:_MOST_WORDS])
        else:
            ids = text
        cached = cache.shared_blocks(ids, 1)
        return Size(len(ids) - cached, cached)

    def _read(self, text: str, cache: EncoderCache) -> Pieces:
        before = cache.pieces if cache.pieces.source is self else Pieces(self)
        return before if before.written == text else before.changed_to(text, clean_text(text))

    def locate(self, text: str) -> LocatedTokens:
        """Return a token for each word, the first ones of a long text."""
        cleaned = clean(text)
        words = list(re.finditer(r"\S+", cleaned.text))[:_MOST_WORDS]
        return LocatedTokens(
            tuple(_token_of(word[0]) for word in words),
            tuple(cleaned.span_as_sent(*word.span()) for word in words),
            _BLOCK,
        )

    @property
    def fillers(self) -> tuple[int, int]:
        """A comma and "the"."""
        return _token_of(","), _token_of("the")

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts."""
        return [self._classify(text) for text in texts]

    def _classify(self, text: Input) -> Prediction:
        if isinstance(text, Variants):
            text.predictions = self.classify([variant.input_ids for variant in text.texts])
            return text.predictions[-1]
        return _rate(clean_text(text) if isinstance(text, str) else " ".join(map(str, text)), self.info)

    def advance(self, texts: Sequence[Input], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Leave all to ``classify``."""
        return [0] * len(texts)


def tokens_of(text: str) -> list[int]:
    """Return one number for each word."""
    return [_token_of(word) for word in text.split()]


def _token_of(word: str) -> int:
    return zlib.crc32(word.encode())


def _rate(text: str, info: ModelInfo) -> Prediction:
    words = len(text.split())
    legible = 1.0 if info.language == ENGLISH else None
    if not words:
        return prior_of(info, legible)
    digest = hashlib.sha256(text.encode()).digest()
    while len(digest) < len(info.labels):
        digest += hashlib.sha256(digest).digest()
    logits = np.frombuffer(digest, dtype=np.uint8)[: len(info.labels)].astype(np.float32) / 64
    probabilities = tuple(softmax(logits).tolist())
    return prediction_of(info, probabilities, min(words, _MOST_WORDS), words > _MOST_WORDS, legible)

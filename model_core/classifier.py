"""Text to rating in three steps: tokenise, forward, decode."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from model_core.labels import STARS, central_interval, expected_stars, positive_probability
from model_core.tokenizer import Encoding, TextTokenizer

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ModelInfo:
    """What clients are told of the model that answers them."""

    name: str
    version: str
    sha256: str
    """Digest of the weights that are served."""
    backend: str
    max_tokens: int
    prior: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model makes of one text."""

    probabilities: tuple[float, ...]
    """One for each of ``labels.STARS``; they sum to 1."""
    tokens: int
    truncated: bool
    is_prior: bool = False
    """Nothing was typed yet: the probabilities are the class frequencies of the training data."""

    @property
    def stars(self) -> int:
        """The most probable rating."""
        return STARS[max(range(len(STARS)), key=self.probabilities.__getitem__)]

    @property
    def expected_stars(self) -> float:
        """Mean of the distribution, in stars."""
        return expected_stars(self.probabilities)

    @property
    def interval(self) -> tuple[int, int]:
        """Stars that hold the central 80 % of the probability."""
        return central_interval(self.probabilities)

    @property
    def positive(self) -> float:
        """Probability of 7 stars or more."""
        return positive_probability(self.probabilities)


class Backend(Protocol):
    """Something that computes the forward pass."""

    def logits(self, input_ids: Sequence[tuple[int, ...]]) -> FloatArray:
        """Return logits [texts, 8] for texts of any lengths. A text's row must not depend on the other texts."""
        ...


class Classifier(Protocol):
    """What the engine runs. All methods are called from one thread of the engine's own."""

    info: ModelInfo

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Rate texts of any content; results in the order of the texts."""
        ...


class TextClassifier:
    """A tokenizer and a backend, put together from one checkpoint."""

    def __init__(self, info: ModelInfo, tokenizer: TextTokenizer, backend: Backend, temperature: float = 1.0) -> None:
        self.info = info
        self._tokenizer = tokenizer
        self._backend = backend
        self._temperature = temperature

    def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Rate texts of any content; results in the order of the texts."""
        encodings = [self._tokenizer.encode(text) for text in texts]
        typed = [encoding for encoding in encodings if encoding.tokens]
        rows = iter(self._backend.logits([encoding.input_ids for encoding in typed]) if typed else ())
        return [self._decode(encoding, next(rows)) if encoding.tokens else self._prior() for encoding in encodings]

    def _decode(self, encoding: Encoding, logits: FloatArray) -> Prediction:
        probabilities = softmax(logits / self._temperature)
        return Prediction(tuple(probabilities.tolist()), encoding.tokens, encoding.truncated)

    def _prior(self) -> Prediction:
        return Prediction(self.info.prior, tokens=0, truncated=False, is_prior=True)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64 so that the probabilities sum to 1 well below the digits sent."""
    exponents = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True))

"""Text to rating in three steps: tokenise, forward, decode."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_core.cache import Caches, EncoderCache, FloatArray
from model_core.checkpoint import ENGLISH, Page
from model_core.labels import FILM_RATINGS, LabelSet
from model_core.states import DEFAULT_STATES, State, StateThresholds, state_of
from model_core.tokenizer import Encoding, LocatedTokens, TextTokenizer
from model_core.work import LONG_TOKENS, Size


@dataclass(frozen=True)
class ModelInfo:
    """What clients are told about the model."""

    name: str
    version: str
    sha256: str
    """Digest of the served weights."""
    backend: str
    max_tokens: int
    prior: tuple[float, ...]
    states: StateThresholds = DEFAULT_STATES
    """Thresholds between the states of a prediction."""
    labels: LabelSet = FILM_RATINGS
    language: str = ENGLISH
    """Language of the texts that it reads (ISO 639-1)."""
    page: Page | None = None
    """What a page for this model says; None for the film page."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model makes of one text."""

    probabilities: tuple[float, ...]
    """One for each of ``labels``; they sum to 1."""
    tokens: int
    truncated: bool
    is_prior: bool = False
    """Nothing was typed yet: the probabilities are the class frequencies of the training data."""
    legible: float | None = None
    """How much of the text the model could read, 0 to 1; None if not known."""
    state: State = "says"
    """Summary of the prediction, see ``model_core.states``."""
    labels: LabelSet = FILM_RATINGS

    @property
    def label(self) -> str:
        """Name of the most probable label."""
        return self.labels.names[self.labels.most_probable(self.probabilities)]

    @property
    def stars(self) -> int:
        """The most probable film rating. Raises ValueError for other labels."""
        return int(self._stars[self.labels.most_probable(self.probabilities)])

    @property
    def expected_stars(self) -> float:
        """Mean of the distribution, in stars. Raises ValueError for labels that are no film ratings."""
        return sum(stars * p for stars, p in zip(self._stars, self.probabilities, strict=True))

    @property
    def expected_value(self) -> float:
        """Mean of the distribution over the values. Raises ValueError for labels without values."""
        return self.labels.expected(self.probabilities)

    @property
    def interval(self) -> tuple[float, float]:
        """Values at both ends of the central 80 % of the probability. Raises ValueError for labels without values."""
        return self.labels.interval(self.probabilities)

    @property
    def positive(self) -> float:
        """Probability of the positive side, of films 7 stars or more. Raises ValueError for labels without sides."""
        return self.labels.positive(self.probabilities)

    @property
    def _stars(self) -> tuple[float, ...]:
        if not self.labels.is_film or self.labels.values is None:
            raise ValueError("only film ratings are counted in stars")
        return self.labels.values


class Variant(NamedTuple):
    """A text that is like another but for some tokens."""

    input_ids: tuple[int, ...]
    """Rated as they are, as in ``LocatedTokens.input_ids``."""
    same: int
    """How many of the first tokens are those of the other text."""


@dataclass(slots=True, eq=False)
class Variants:
    """Variants of one text, and what the model has made of them so far.

    Rated as texts of their own, each would copy the states of the begin that they share, and leave cores idle.
    """

    texts: Sequence[Variant]
    begun: EncoderCache
    """Of the text. It is only read; no other text may be rated with it meanwhile."""
    under_way: dict[int, EncoderCache] = field(default_factory=dict)
    """Caches of long variants that are read in steps, by their index."""
    logits: dict[int, FloatArray] = field(default_factory=dict)
    """Logits [labels] of those that were read to the end, by their index."""
    predictions: list[Prediction] = field(default_factory=list)
    """Of all, in their order, once all were read."""

    def __len__(self) -> int:
        """Number of tokens."""
        return sum(len(variant.input_ids) for variant in self.texts)

    @property
    def left(self) -> list[int]:
        """Indices of those that were not read to the end."""
        return [index for index in range(len(self.texts)) if index not in self.logits]

    @property
    def size(self) -> Size:
        """About how many tokens are left to encode; 0 only if all were read."""
        return Size(sum(max(1, len(self.texts[index].input_ids) - self._known(index)) for index in self.left))

    def _known(self, index: int) -> int:
        if (own := self.under_way.get(index)) is not None:
            return len(own.input_ids)
        return min(self.texts[index].same, len(self.begun.input_ids))


Input: TypeAlias = str | tuple[int, ...] | Variants
"""A text of any content; tokens of the model, as in ``LocatedTokens.input_ids``, to be rated as they are; or variants,
whose predictions are put into them, and of which the last one is returned."""


class Backend(Protocol):
    """Something that computes the forward pass."""

    def logits(self, input_ids: Sequence[tuple[int, ...]], caches: Caches = None) -> FloatArray:
        """Return logits [texts, labels] for texts of any lengths. A text's row must not depend on the other texts.

        A text's cache holds what an earlier call kept of a text that may have had the same begin; a backend that can
        use it does, and keeps in it what helps the next.
        """
        ...

    def advance(self, input_ids: Sequence[tuple[int, ...]], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Encode up to ``tokens`` more tokens of each text into its cache, ahead of ``logits``.

        Return how many were, of each. 0 means that ``logits`` has to encode the rest, as without caches it always has.
        """
        ...

    def advance_variants(self, variants: Variants, tokens: int) -> bool:
        """Read variants that are left for about ``tokens`` tokens on each core. Return whether any were read.

        False means that ``logits`` has to read them. A backend without caches always returns False.
        """
        ...

    def cached(self, input_ids: tuple[int, ...], cache: EncoderCache) -> int:
        """Return how many tokens of a text ``logits`` would not have to encode again. Called on any thread."""
        ...


class Classifier(Protocol):
    """Something that rates texts."""

    info: ModelInfo

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        """Rate texts of any content; results in the order of the texts. ``caches`` as for ``Backend.logits``."""
        ...


class ServedClassifier(Classifier, Protocol):
    """What the engine runs. ``classify`` and ``advance`` are called from its model thread.

    The other methods find what a text costs before it waits. They are called on the event loop as well, perhaps for
    the next text of the same cache.
    """

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts. ``caches`` as for ``Backend.logits``."""
        ...

    def advance(self, texts: Sequence[Input], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Read up to ``tokens`` more tokens of each text, ahead of ``classify``. Return how many were read, of each.

        Between two such steps of long texts, other texts can be rated. 0 means that ``classify`` reads the rest.
        """
        ...

    def prepare(self, text: Input, cache: EncoderCache) -> int:
        """Make this the cache's newest text. Return how many of its characters are not tokenised yet."""
        ...

    def tokenise(self, text: Input, cache: EncoderCache, chars: int) -> int:
        """Tokenise up to ``chars`` more characters of a text. Return how many are left."""
        ...

    def measure(self, text: Input, cache: EncoderCache) -> Size:
        """Tokenise what is left of a text, and return how many tokens the model has to read."""
        ...

    def locate(self, text: str) -> LocatedTokens:
        """Return the tokens that the model reads of a text, and where they are in it. Called on any thread."""
        ...

    @property
    def fillers(self) -> tuple[int, int]:
        """Two tokens that mean nothing, to put in the place of others."""
        ...


class TextClassifier:
    """A tokenizer and a backend, put together from one checkpoint."""

    def __init__(
        self,
        info: ModelInfo,
        tokenizer: TextTokenizer,
        backend: Backend,
        temperature_at: Callable[[int], float] = lambda tokens: 1.0,
    ) -> None:
        self.info = info
        self._tokenizer = tokenizer
        self._backend = backend
        self._temperature_at = temperature_at

    def prepare(self, text: Input, cache: EncoderCache) -> int:
        """Make this the cache's newest text. Return how many of its characters are not tokenised yet."""
        if not isinstance(text, str):
            return 0
        cache.pieces = self._tokenizer.read(text, cache.pieces)
        return cache.pieces.unknown_chars

    def tokenise(self, text: Input, cache: EncoderCache, chars: int) -> int:
        """Tokenise up to ``chars`` more characters of a text. Return how many are left."""
        if not isinstance(text, str):
            return 0
        pieces = cache.pieces = self._tokenizer.read(text, cache.pieces)
        self._tokenizer.tokenise(pieces, chars)
        return pieces.unknown_chars

    def measure(self, text: Input, cache: EncoderCache) -> Size:
        """Tokenise what is left of a text, and return how many tokens the model has to read."""
        if isinstance(text, Variants):
            return text.size
        input_ids = self._encode(text, cache).input_ids
        if cache.recall(input_ids) is not None:
            return Size(0)
        cached = self._backend.cached(input_ids, cache)
        return Size(len(input_ids) - cached, cached)

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts.

        What one caller wrote changes neither the answer nor the time of another: only a caller's own cache remembers.
        """
        if len(texts) == 1 and isinstance(texts[0], Variants):
            return [self._classify_variants(texts[0])]
        caches = caches or [None] * len(texts)
        encodings = [self._encode(text, cache) for text, cache in zip(texts, caches, strict=True)]
        known = [
            None if cache is None else cache.recall(encoding.input_ids)
            for encoding, cache in zip(encodings, caches, strict=True)
        ]
        rows = [row for row, encoding in enumerate(encodings) if known[row] is None and encoding.tokens]
        if rows:
            used = [caches[row] for row in rows]
            for row, logits in zip(
                rows, self._backend.logits([encodings[row].input_ids for row in rows], used), strict=True
            ):
                known[row] = logits
                if (cache := caches[row]) is not None:
                    cache.remember(encodings[row].input_ids, logits)
        return [
            prior_of(self.info, encoding.legible) if logits is None else self._decode(encoding, logits)
            for encoding, logits in zip(encodings, known, strict=True)
        ]

    def advance(self, texts: Sequence[Input], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Read up to ``tokens`` more tokens of each text, ahead of ``classify``. Return how many were, of each."""
        if len(texts) == 1 and isinstance(texts[0], Variants):
            return [tokens if self._advance_variants(texts[0], tokens) else 0]
        input_ids = [self._encode(text, cache).input_ids for text, cache in zip(texts, caches, strict=True)]
        new = [row for row, cache in enumerate(caches) if cache.recall(input_ids[row]) is None]
        advanced = self._backend.advance([input_ids[row] for row in new], [caches[row] for row in new], tokens)
        by_row = dict(zip(new, advanced, strict=True))
        return [by_row.get(row, 0) for row in range(len(texts))]

    def _advance_variants(self, variants: Variants, tokens: int) -> bool:
        left = variants.left
        if left and not self._backend.advance_variants(variants, tokens):
            [variants.logits[left[0]]] = self._backend.logits([variants.texts[left[0]].input_ids])
        return bool(left)

    def _classify_variants(self, variants: Variants) -> Prediction:
        while self._advance_variants(variants, LONG_TOKENS):
            pass
        encodings = (self._tokenizer.encoding_of(variant.input_ids) for variant in variants.texts)
        variants.predictions = [
            self._decode(one, variants.logits[index]) if one.tokens else prior_of(self.info)
            for index, one in enumerate(encodings)
        ]
        return variants.predictions[-1]

    def _encode(self, text: Input, cache: EncoderCache | None) -> Encoding:
        if isinstance(text, Variants):
            raise TypeError("variants are rated one after another")
        if isinstance(text, tuple):
            return self._tokenizer.encoding_of(text)
        if cache is None:
            return self._tokenizer.encode(text)
        pieces, known = self._tokenizer.read(text, cache.pieces), cache.encoded
        if known is not None and known[0] is pieces:
            return known[1]
        encoding = self._tokenizer.encode(text, pieces)
        cache.encoded = pieces, encoding
        return encoding

    def locate(self, text: str) -> LocatedTokens:
        """Return the tokens that the model reads of a text, and where they are in it."""
        return self._tokenizer.locate(text)

    @property
    def fillers(self) -> tuple[int, int]:
        """A comma and "the"."""
        return self._tokenizer.fillers

    def _decode(self, encoding: Encoding, logits: FloatArray) -> Prediction:
        probabilities = softmax(logits / self._temperature_at(encoding.tokens))
        return prediction_of(
            self.info, tuple(probabilities.tolist()), encoding.tokens, encoding.truncated, encoding.legible
        )


def prediction_of(
    info: ModelInfo, probabilities: tuple[float, ...], tokens: int, truncated: bool, legible: float | None = None
) -> Prediction:
    """The prediction of a text, with its state."""
    state = state_of(probabilities, info.prior, info.states, legible, labels=info.labels)
    return Prediction(probabilities, tokens, truncated, legible=legible, state=state, labels=info.labels)


def prior_of(info: ModelInfo, legible: float | None = None) -> Prediction:
    """The answer to an empty text."""
    state = state_of(info.prior, info.prior, info.states, legible, is_prior=True, labels=info.labels)
    return Prediction(info.prior, 0, truncated=False, is_prior=True, legible=legible, state=state, labels=info.labels)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Softmax over the last axis, in float64 so that the probabilities sum to 1 well below the digits sent."""
    exponents = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(exponents / exponents.sum(axis=-1, keepdims=True))

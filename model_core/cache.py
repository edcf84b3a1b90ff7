"""What a block-causal encoder keeps between two keys of one text: keys, values and logits of its finished blocks.

A cache belongs to one typist and is only ever read and written in the model thread. It can be dropped at any time: the
text rebuilds it.
"""

import time
import weakref
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.labels import NUM_LABELS

FloatArray = NDArray[np.float32]

IDLE_S: Final = 10.0
"""A typist who has paused for so long can wait for one whole pass when the next key comes."""

_NOTHING: Final = np.zeros((0, 0, 0, 0), dtype=np.float32)
_NO_LOGITS: Final = np.zeros((0, NUM_LABELS), dtype=np.float32)


class EncoderCache:
    """Keys, values and logits of the first tokens of a text, whole blocks only."""

    __slots__ = ("__weakref__", "input_ids", "last_used_s", "logits", "states", "text")

    def __init__(self) -> None:
        self.input_ids: tuple[int, ...] = ()
        """The tokens that ``states`` belong to."""
        self.states: FloatArray = _NOTHING
        """Key and value of each layer in turn: [2 * layers, heads, tokens, head size]."""
        self.logits: FloatArray = _NO_LOGITS
        """What is read at each token: [tokens, 8]."""
        self.last_used_s = 0.0
        self.text = ""
        """The text that was rated last, by which to tell how much of the next one is new."""

    def clear(self) -> None:
        """Forget everything."""
        self.input_ids, self.states, self.logits, self.text = (), _NOTHING, _NO_LOGITS, ""

    def shared_blocks(self, input_ids: Sequence[int], block: int) -> int:
        """How many tokens at the begin of ``input_ids`` need no encoding: whole blocks, and never all of the text."""
        most = min(len(self.input_ids), (len(input_ids) - 1) // block * block)
        shared = next((i for i in range(most) if self.input_ids[i] != input_ids[i]), most)
        return shared // block * block

    def keep(self, tokens: int) -> None:
        """Forget all but the first ``tokens`` tokens."""
        if tokens < len(self.input_ids):
            self.input_ids = self.input_ids[:tokens]
            self.states = np.ascontiguousarray(self.states[:, :, :tokens])
            self.logits = self.logits[:tokens].copy()

    def append(self, input_ids: Sequence[int], states: FloatArray, logits: FloatArray) -> None:
        """Add tokens, their states [2 * layers, heads, tokens, head size] and their logits [tokens, 8]."""
        joined = [self.states, states] if self.input_ids else [states]
        self.states = np.concatenate(joined, axis=2)
        self.logits = np.concatenate([self.logits, logits])
        self.input_ids = (*self.input_ids, *input_ids)


Caches = Sequence[EncoderCache | None] | None
"""For each text what is kept of an earlier one that may have had the same begin, if anything."""


class CachePool:
    """Keeps all caches together within ``max_bytes``.

    Those that nobody has used for a while are emptied first. Where all are in use and they are too many, those just
    used are emptied: emptying the oldest would empty each one before its turn comes again.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        # A typist who leaves takes the cache along.
        self._caches: weakref.WeakSet[EncoderCache] = weakref.WeakSet()

    def use(self, caches: Sequence[EncoderCache]) -> None:
        """Note that these were just used, and empty some where all together hold too much."""
        now = self._clock()
        for cache in caches:
            cache.last_used_s = now
            self._caches.add(cache)
        held = list(self._caches)
        excess = sum(cache.states.nbytes for cache in held) - self._max_bytes
        if excess <= 0:
            return
        idle = [cache for cache in held if cache.last_used_s < now - IDLE_S]
        for cache in (*sorted(idle, key=lambda cache: cache.last_used_s), *reversed(caches)):
            excess -= cache.states.nbytes
            cache.clear()
            if excess <= 0:
                return

    @property
    def nbytes(self) -> int:
        """Bytes held by all caches."""
        return sum(cache.states.nbytes for cache in list(self._caches))

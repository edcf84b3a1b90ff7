"""What a block-causal encoder keeps between two keys of one text: keys and values of its finished blocks.

A cache belongs to one typist and is only ever read and written in the model thread. It can be dropped at any time: the
text rebuilds it.
"""

import itertools
import weakref
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

_NOTHING: Final = np.zeros((0, 0, 0, 0), dtype=np.float32)


class EncoderCache:
    """Keys and values of the first tokens of a text, whole blocks only."""

    __slots__ = ("__weakref__", "input_ids", "last_used", "states")

    def __init__(self) -> None:
        self.input_ids: tuple[int, ...] = ()
        """The tokens that ``states`` belong to."""
        self.states: FloatArray = _NOTHING
        """Key and value of each layer in turn: [2 * layers, heads, tokens, head size]."""
        self.last_used = 0

    def clear(self) -> None:
        """Forget everything."""
        self.input_ids, self.states = (), _NOTHING

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

    def append(self, input_ids: Sequence[int], states: FloatArray) -> None:
        """Add tokens and their states [2 * layers, heads, tokens, head size]."""
        joined = [self.states, states] if self.input_ids else [states]
        self.states = np.concatenate(joined, axis=2)
        self.input_ids = (*self.input_ids, *input_ids)


Caches = Sequence[EncoderCache | None] | None
"""For each text what is kept of an earlier one that may have had the same begin, if anything."""


class CachePool:
    """Keeps all caches together within ``max_bytes``: the least recently used are emptied first."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # A typist who leaves takes the cache along.
        self._caches: weakref.WeakSet[EncoderCache] = weakref.WeakSet()
        self._clock = itertools.count(1)

    def use(self, caches: Sequence[EncoderCache]) -> None:
        """Note that these were just used, and empty the oldest where all together hold too much."""
        for cache in caches:
            cache.last_used = next(self._clock)
            self._caches.add(cache)
        held = list(self._caches)
        excess = sum(cache.states.nbytes for cache in held) - self._max_bytes
        if excess <= 0:
            return
        for cache in sorted(held, key=lambda cache: cache.last_used):
            excess -= cache.states.nbytes
            cache.clear()
            if excess <= 0:
                return

    @property
    def nbytes(self) -> int:
        """Bytes held by all caches."""
        return sum(cache.states.nbytes for cache in list(self._caches))

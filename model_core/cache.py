"""What is remembered of one typist's text: its tokens, and keys, values and logits of its finished blocks.

A cache belongs to one typist. It can be dropped at any time: it is rebuilt from the text. The event loop reads it and
sets ``group``, ``pieces`` and ``encoded``; all else belongs to the model thread.
"""

import hashlib
import itertools
import time
import weakref
from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_core.tokenization.pieces import Pieces
from model_core.tokenizer import Encoding

FloatArray = NDArray[np.float32]

IDLE_S: Final = 10.0
"""Seconds. After this pause, a full pass at the next key is acceptable."""

_RECENT: Final = 32
"""Texts whose logits a cache remembers."""

_NOTHING: Final = np.zeros((0, 0, 0, 0), dtype=np.float32)
_NO_LOGITS: Final = np.zeros((0, 0), dtype=np.float32)


class EncoderCache:
    """Keys, values and logits of the first tokens of a text, in whole blocks, and the pieces of the newest text."""

    __slots__ = ("__weakref__", "_recent", "encoded", "group", "input_ids", "last_used_s", "logits", "pieces", "states")

    def __init__(self) -> None:
        self.input_ids: tuple[int, ...] = ()
        """The tokens that ``states`` belong to."""
        self.states: FloatArray = _NOTHING
        """Key and value of each layer: [2 * layers, heads, tokens, head size]."""
        self.logits: FloatArray = _NO_LOGITS
        """Logits at each token: [tokens, labels]."""
        self.last_used_s = 0.0
        self.group = ""
        """Whose it is: the key or network address of the client."""
        self.pieces = Pieces()
        """The text that was tokenised last. At most 20,000 characters and their tokens."""
        self.encoded: tuple[Pieces, Encoding] | None = None
        """What the model is to read of that text."""
        self._recent: OrderedDict[bytes, FloatArray] = OrderedDict()

    def fork(self) -> "EncoderCache":
        """Return a cache with the same blocks, for a text with the same begin. May be called on any thread.

        The model must not be reading a text of this cache. It may empty it to save memory.
        """
        twin = EncoderCache()
        twin.group = self.group
        input_ids, states, logits = self.input_ids, self.states, self.logits
        # Arrays are never changed in place, so both may keep the same.
        if len(input_ids) == states.shape[2] == len(logits):
            twin.input_ids, twin.states, twin.logits = input_ids, states, logits
        return twin

    def clear(self) -> None:
        """Forget what the model made of the text; the tokens stay."""
        self.input_ids, self.states, self.logits = (), _NOTHING, _NO_LOGITS
        self._recent.clear()

    def forget(self) -> None:
        """Forget all: another model has other tokens."""
        self.clear()
        self.pieces, self.encoded = Pieces(), None

    def recall(self, input_ids: Sequence[int]) -> FloatArray | None:
        """Return the logits [labels] of a text rated lately, or None: undo, or a space after a word, costs no pass."""
        return self._recent.get(_digest(input_ids))

    def remember(self, input_ids: Sequence[int], logits: FloatArray) -> None:
        """Keep the logits [labels] of a text, and forget the oldest beyond ``_RECENT``.

        One memory for all connections would answer faster what another connection typed, and so give it away.
        """
        self._recent[_digest(input_ids)] = logits
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def shared_blocks(self, input_ids: Sequence[int], block: int) -> int:
        """Return how many tokens of ``input_ids`` are cached: whole blocks, never the entire text."""
        known, asked = self.input_ids, tuple(input_ids)
        most = min(len(known), len(asked) - 1) // block * block
        # From the end: after a key, nearly all is the same.
        return next((end for end in range(most, 0, -block) if known[:end] == asked[:end]), 0)

    def keep(self, tokens: int) -> None:
        """Drop all but the first ``tokens`` tokens."""
        if tokens < len(self.input_ids):
            self.input_ids = self.input_ids[:tokens]
            self.states = np.ascontiguousarray(self.states[:, :, :tokens])
            self.logits = self.logits[:tokens].copy()

    def append(self, input_ids: Sequence[int], states: FloatArray, logits: FloatArray) -> None:
        """Append tokens with their states [2 * layers, heads, tokens, head size] and logits [tokens, labels]."""
        before = bool(self.input_ids)
        self.states = np.concatenate([self.states, states] if before else [states], axis=2)
        self.logits = np.concatenate([self.logits, logits] if before else [logits])
        self.input_ids = (*self.input_ids, *input_ids)


def _digest(input_ids: Sequence[int]) -> bytes:
    return hashlib.blake2b(array("I", input_ids), digest_size=16).digest()


Caches = Sequence[EncoderCache | None] | None
"""For each text, the cache of an earlier text that may share a prefix, or None."""


class CachePool:
    """Keeps the total size of all caches within ``max_bytes``.

    Idle caches are emptied first. If all are in use, those of the group that holds most are emptied, so that one client
    with many texts costs no other its cache; the most recently used ones first: with the oldest first, each would be
    emptied just before its next use.
    """

    def __init__(self, max_bytes: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._max_bytes = max_bytes
        self._clock = clock
        # Weak, so that a cache goes with its typist.
        self._caches: weakref.WeakSet[EncoderCache] = weakref.WeakSet()

    def use(self, caches: Sequence[EncoderCache], under_way: Iterable[EncoderCache] = ()) -> None:
        """Mark caches as just used, and empty some if the total is too large; none of those ``under_way``.

        What is read in steps would never end if its cache were emptied after each.
        """
        now = self._clock()
        for cache in (*caches, *under_way):
            cache.last_used_s = now
            self._caches.add(cache)
        held = list(self._caches)
        excess = sum(cache.states.nbytes for cache in held) - self._max_bytes
        if excess <= 0:
            return
        for cache in itertools.chain(_idle(held, now), _in_use(held, caches, set(under_way))):
            if excess <= 0:
                return
            excess -= cache.states.nbytes
            cache.clear()

    @property
    def nbytes(self) -> int:
        """Bytes held by all caches."""
        return sum(cache.states.nbytes for cache in list(self._caches))


def _idle(held: Iterable[EncoderCache], now: float) -> list[EncoderCache]:
    """Return the idle caches, the longest idle first."""
    idle = [cache for cache in held if cache.last_used_s < now - IDLE_S]
    return sorted(idle, key=lambda cache: cache.last_used_s)


def _in_use(
    held: Iterable[EncoderCache], batch: Sequence[EncoderCache], under_way: Set[EncoderCache]
) -> Iterator[EncoderCache]:
    """Yield caches in use in the order in which to empty them: the next is always one of the largest group.

    Of groups of equal size, one with texts in the batch is first. Otherwise the groups would empty each other's caches.
    """
    sizes: Counter[str] = Counter()
    places = {id(cache): place for place, cache in enumerate(batch)}
    lines: dict[str, list[EncoderCache]] = {}
    for cache in sorted(held, key=lambda cache: (cache.last_used_s, places.get(id(cache), -1))):
        sizes[cache.group] += cache.states.nbytes
        if cache.states.nbytes and cache not in under_way:
            lines.setdefault(cache.group, []).append(cache)
    own = {cache.group for cache in batch}
    while lines:
        most = max(lines, key=lambda group: (sizes[group], group in own))
        cache = lines[most].pop()
        if not lines[most]:
            del lines[most]
        sizes[most] -= cache.states.nbytes
        yield cache

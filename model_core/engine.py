"""Micro-batches across connections, in one model thread.

Callers live on the event loop; the model thread sees plain texts and returns plain predictions. Whatever waits when
the thread is free becomes the next batch: the first text leaves at once, and batches grow only under load.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol
from weakref import WeakSet

from model_core.background_queue import Gate
from model_core.cache import EncoderCache
from model_core.classifier import Classifier, ModelInfo, Prediction, StepwiseClassifier
from model_core.errors import EngineError, ModelUnavailable
from model_core.options import EngineOptions
from model_core.scheduler import Newer, WaitingText, WaitingTexts, is_long

logger = logging.getLogger(__name__)

_CHARS_PER_TOKEN: Final = 4
_PAST_SHARE: Final = 1 / 16
"""What a token that is kept in the cache costs, as a share of one that is encoded."""
_BACKGROUND_SHARE: Final = 1 / 16
"""Of the tokens that may wait; what else is done in the background stands in a line of its own before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction, the model that made it, and what it took, in milliseconds."""

    prediction: Prediction
    model: ModelInfo
    queue_ms: float
    inference_ms: float


class EngineObserver(Protocol):
    """Is told of the engine's work, on the event loop; it returns at once and does not raise."""

    def on_batch(self, queue_s: Sequence[float], inference_s: float, background: bool) -> None:
        """Note a batch that was answered: how long each of its texts waited, and how long the model took."""
        ...


class Engine:
    """Classifies texts for many callers of one event loop. All methods belong to that loop."""

    def __init__(
        self, classifier: Classifier, options: EngineOptions | None = None, observer: EngineObserver | None = None
    ) -> None:
        self._use(classifier)
        self._options = options or EngineOptions()
        self._observer = observer
        # A thread of the engine's own: the default executor is Django's, and a slow query there must not hold a key.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starcast-model")
        self._caches: WeakSet[EncoderCache] = WeakSet()
        """Those that the model may have filled; another model can make nothing of what is in them."""
        self._background = Gate(int(self._options.max_waiting_tokens * _BACKGROUND_SHARE))
        self._waiting = WaitingTexts(self._options)
        self._worker: asyncio.Task[None] | None = None
        self._batch_since: float | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Texts that wait for the model."""
        return len(self._waiting)

    @property
    def busy_s(self) -> float:
        """How long the model has been at the batch under way, in seconds; 0 while there is none."""
        since = self._batch_since
        return 0.0 if since is None else time.perf_counter() - since

    @property
    def info(self) -> ModelInfo:
        """The model that answers."""
        return self._classifier.info

    async def classify(
        self, text: str, cache: EncoderCache | None = None, background: bool = False, newer: Newer | None = None
    ) -> Answer:
        """Rate one text. ``cache`` is what the caller keeps from one text to the next that continues it.

        ``newer`` is asked when the model comes to the text: what it returns is rated in its place. So whoever types on
        while many wait has the newest text rated when the turn comes, and not one after it.

        Nobody watches a cursor for ``background`` work: it is done while no other text waits, and never refused as
        Overloaded, for little of it is let in at once.

        Raises Overloaded at once when too much waits, ModelUnavailable when the deadline passes, EngineError when
        the model fails on this text. A caller that is cancelled or too late gives its place back at once.
        """
        tokens = self._estimate_tokens(text, cache)
        deadline_ms = self._options.background_deadline_ms if background else self._options.deadline_ms
        try:
            async with asyncio.timeout(deadline_ms / 1000):
                if not background:
                    self._waiting.refuse_too_much(tokens)
                    return await self._answer(text, cache, tokens, background=False, newer=newer)
                async with self._background.through(tokens):
                    return await self._answer(text, cache, tokens, background=True)
        except TimeoutError as error:
            raise ModelUnavailable("the model did not answer in time") from error

    async def _answer(
        self, text: str, cache: EncoderCache | None, tokens: int, background: bool, newer: Newer | None = None
    ) -> Answer:
        if self._closed:
            raise ModelUnavailable("the engine is closed")
        ahead = tokens - 1 if is_long(tokens) and self._is_stepwise else 0
        if ahead and cache is None:
            cache = EncoderCache()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        waiting = WaitingText(text, cache, background, tokens, ahead, future, newer)
        self._waiting.add(waiting)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        try:
            return await waiting.future
        except EngineError as error:
            if error.__cause__ is not None:
                # Here, in the caller's context, so that the record is the caller's. The text itself stays out of it.
                logger.error("the model failed on a text of %d characters", len(text), exc_info=error.__cause__)
            raise
        except asyncio.CancelledError:
            self._waiting.remove(waiting)
            raise

    async def replace(self, classifier: Classifier) -> None:
        """Answer by another model from the next batch on; return when what that one kept for texts is gone.

        Nothing that waits is lost, and nobody is answered later than a batch takes.
        """
        self._use(classifier)
        caches, self._caches = list(self._caches), WeakSet()
        # In the model thread, behind the batch it is in: caches are touched nowhere else.
        await asyncio.get_running_loop().run_in_executor(self._executor, _clear, caches)

    async def close(self) -> None:
        """Refuse what waits and let the model thread end with the batch it is in."""
        self._closed = True
        for waiting in self._waiting.clear():
            _settle(waiting, ModelUnavailable("the engine is closed"))
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _use(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._is_stepwise = isinstance(classifier, StepwiseClassifier)

    def _estimate_tokens(self, text: str, cache: EncoderCache | None) -> int:
        """Tokens the text will cost, from its length: the tokenizer itself runs in the model thread."""
        tokens = min(self._classifier.info.max_tokens, 2 + len(text) // _CHARS_PER_TOKEN)
        if cache is None:
            return tokens
        shared = shared_chars(cache.text, text)
        past = len(cache.input_ids)
        if shared < len(cache.text):
            past = min(past, shared // _CHARS_PER_TOKEN)
        return max(1, tokens - past) + int(past * _PAST_SHARE)

    def _renew(self, waiting: WaitingText) -> None:
        """Read what was written since instead, unless it would be read in steps: its turn is that of a short text."""
        if waiting.newer is None or waiting.is_long:
            return
        text = waiting.newer(lambda text: not is_long(self._estimate_tokens(text, waiting.cache)))
        if text is not None:
            waiting.text = text

    async def _work(self) -> None:
        """Run batch after batch until nothing waits; an idle engine has no task."""
        loop = asyncio.get_running_loop()
        while batch := self._waiting.take():
            classifier = self._classifier
            for waiting in batch:
                self._renew(waiting)
            self._caches.update(waiting.cache for waiting in batch if waiting.cache is not None)
            taken = self._batch_since = time.perf_counter()
            try:
                outcomes = await loop.run_in_executor(
                    self._executor, _read, classifier, batch, self._waiting.step_tokens
                )
            except (Exception, asyncio.CancelledError) as error:
                for waiting in batch:
                    _settle(waiting, ModelUnavailable("the model thread is gone"))
                if isinstance(error, asyncio.CancelledError):
                    raise
                logger.exception("the model thread failed")
                continue
            finally:
                self._batch_since = None
            done = time.perf_counter()
            for waiting in batch:
                waiting.inference_s += done - taken
            if self._observer is not None and None not in outcomes:
                queue_s = [done - waiting.since - waiting.inference_s for waiting in batch]
                self._observer.on_batch(queue_s, max(waiting.inference_s for waiting in batch), batch[0].background)
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if outcome is None:
                    self._waiting.add(waiting)
                elif isinstance(outcome, EngineError):
                    _settle(waiting, outcome)
                else:
                    if waiting.cache is not None:
                        waiting.cache.text = waiting.text
                    queue_ms = (done - waiting.since - waiting.inference_s) * 1000
                    _settle(waiting, Answer(outcome, classifier.info, queue_ms, waiting.inference_s * 1000))


def _read(classifier: Classifier, batch: list[WaitingText], step: int) -> Sequence[Prediction | EngineError | None]:
    """In the model thread: classify a batch, or read on in the long text that is alone in it, and return None."""
    first = batch[0]
    if first.ahead >= step and first.cache is not None and isinstance(classifier, StepwiseClassifier):
        with contextlib.suppress(Exception):  # The text's last pass says what is wrong with it.
            has_more = classifier.advance(first.text, first.cache, step)
            first.ahead = first.ahead - step if has_more else 0
            first.tokens -= step
            return [None]
        first.ahead = 0
    return _classify(classifier, [item.text for item in batch], [item.cache for item in batch])


def _classify(
    classifier: Classifier, texts: list[str], caches: list[EncoderCache | None]
) -> list[Prediction | EngineError]:
    """In the model thread: a text that makes the model fail must not take its neighbours with it."""
    try:
        predictions = classifier.classify(texts, caches)
        return [prediction for _, prediction in zip(texts, predictions, strict=True)]
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller logs it
        for cache in caches:
            if cache is not None:
                cache.clear()  # What failed may have been left half written.
        if len(texts) == 1:
            failure = EngineError("the model failed on this text")
            failure.__cause__ = error
            return [failure]
        singly = (_classify(classifier, [text], [cache]) for text, cache in zip(texts, caches, strict=True))
        return [outcome for outcomes in singly for outcome in outcomes]


def shared_chars(before: str, after: str) -> int:
    """How many characters two texts have in common at their begin."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _clear(caches: Iterable[EncoderCache]) -> None:
    for cache in caches:
        cache.clear()


def _settle(waiting: WaitingText, outcome: Answer | EngineError) -> None:
    if waiting.future.done():
        return
    if isinstance(outcome, EngineError):
        waiting.future.set_exception(outcome)
    else:
        waiting.future.set_result(outcome)

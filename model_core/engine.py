"""Micro-batches across connections, in one model thread.

Callers live on the event loop; the model thread sees plain texts and returns plain predictions. Whatever waits when
the thread is free becomes the next batch: the first text leaves at once, and batches grow only under load.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from model_core.cache import EncoderCache
from model_core.classifier import Classifier, ModelInfo, Prediction
from model_core.errors import EngineError, ModelUnavailable, Overloaded

logger = logging.getLogger(__name__)

_CHARS_PER_TOKEN = 4


@dataclass(frozen=True)
class EngineOptions:
    """Bounds of the engine's work; ValueError where they make no sense."""

    max_waiting: int = 512
    """Texts that may wait; one more is refused."""
    max_waiting_tokens: int = 65_536
    """Estimated tokens that may wait, so that many long texts are refused sooner than many short ones."""
    max_batch: int = 32
    max_batch_tokens: int = 16_384
    deadline_ms: int = 5_000
    """A text not answered by then is given up; nobody waits for its bars any more."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} must be 1 or more, not {value}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction and what it took, in milliseconds."""

    prediction: Prediction
    queue_ms: float
    inference_ms: float


@dataclass(slots=True, eq=False)
class _Waiting:
    text: str
    cache: EncoderCache | None
    tokens: int
    future: asyncio.Future[Answer]
    since: float = field(default_factory=time.perf_counter)


class Engine:
    """Classifies texts for many callers of one event loop. All methods belong to that loop."""

    def __init__(self, classifier: Classifier, options: EngineOptions | None = None) -> None:
        self._classifier = classifier
        self._options = options or EngineOptions()
        # A thread of the engine's own: the default executor is Django's, and a slow query there must not hold a key.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starcast-model")
        self._waiting: deque[_Waiting] = deque()
        self._waiting_tokens = 0
        self._worker: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def info(self) -> ModelInfo:
        """The model that answers."""
        return self._classifier.info

    async def classify(self, text: str, cache: EncoderCache | None = None) -> Answer:
        """Rate one text. ``cache`` is what the caller keeps from one text to the next that continues it.

        Raises Overloaded at once when too much waits, ModelUnavailable when the deadline passes, EngineError when
        the model fails on this text. A caller that is cancelled or too late gives its place back at once.
        """
        tokens = self._estimate_tokens(text, cache)
        if self._closed:
            raise ModelUnavailable("the engine is closed")
        if len(self._waiting) >= self._options.max_waiting or (
            self._waiting and self._waiting_tokens + tokens > self._options.max_waiting_tokens
        ):
            raise Overloaded("too many texts wait to be rated; try again in a moment")
        waiting = _Waiting(text, cache, tokens, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._waiting_tokens += tokens
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        try:
            async with asyncio.timeout(self._options.deadline_ms / 1000):
                return await waiting.future
        except TimeoutError as error:
            self._give_back(waiting)
            raise ModelUnavailable("the model did not answer in time") from error
        except asyncio.CancelledError:
            self._give_back(waiting)
            raise

    async def close(self) -> None:
        """Refuse what waits and let the model thread end with the batch it is in."""
        self._closed = True
        for waiting in self._take(len(self._waiting), self._waiting_tokens):
            _settle(waiting, ModelUnavailable("the engine is closed"))
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _estimate_tokens(self, text: str, cache: EncoderCache | None) -> int:
        """Tokens the text will cost, from its length: the tokenizer itself runs in the model thread."""
        tokens = min(self._classifier.info.max_tokens, 2 + len(text) // _CHARS_PER_TOKEN)
        # Whoever typed the text so far most likely goes on at its end.
        return tokens if cache is None else max(1, tokens - len(cache.input_ids))

    def _give_back(self, waiting: _Waiting) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            self._waiting_tokens -= waiting.tokens

    async def _work(self) -> None:
        """Run batch after batch until nothing waits; an idle engine has no task."""
        loop = asyncio.get_running_loop()
        while batch := self._take(self._options.max_batch, self._options.max_batch_tokens):
            taken = time.perf_counter()
            try:
                outcomes = await loop.run_in_executor(
                    self._executor, self._classify, [item.text for item in batch], [item.cache for item in batch]
                )
            except (Exception, asyncio.CancelledError) as error:
                for waiting in batch:
                    _settle(waiting, ModelUnavailable("the model thread is gone"))
                if isinstance(error, asyncio.CancelledError):
                    raise
                logger.exception("the model thread failed")
                continue
            inference_ms = (time.perf_counter() - taken) * 1000
            for waiting, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, EngineError):
                    _settle(waiting, outcome)
                else:
                    _settle(waiting, Answer(outcome, (taken - waiting.since) * 1000, inference_ms))

    def _take(self, max_texts: int, max_tokens: int) -> list[_Waiting]:
        """Take the next batch, oldest first, within the budget; at least one text if any waits."""
        batch: list[_Waiting] = []
        tokens = 0
        while self._waiting and len(batch) < max_texts:
            waiting = self._waiting[0]
            if batch and tokens + waiting.tokens > max_tokens:
                break
            self._waiting.popleft()
            self._waiting_tokens -= waiting.tokens
            if waiting.future.done():
                continue  # Cancelled or late a moment ago; its caller has not run yet.
            batch.append(waiting)
            tokens += waiting.tokens
        return batch

    def _classify(self, texts: list[str], caches: list[EncoderCache | None]) -> list[Prediction | EngineError]:
        """In the model thread: a text that makes the model fail must not take its neighbours with it."""
        try:
            predictions = self._classifier.classify(texts, caches)
            return [prediction for _, prediction in zip(texts, predictions, strict=True)]
        except Exception:
            for cache in caches:
                if cache is not None:
                    cache.clear()  # What failed may have been left half written.
            if len(texts) == 1:
                # The text itself stays out of the log.
                logger.exception("the model failed on a text of %d characters", len(texts[0]))
                return [EngineError("the model failed on this text")]
            singly = (self._classify([text], [cache]) for text, cache in zip(texts, caches, strict=True))
            return [outcome for outcomes in singly for outcome in outcomes]


def _settle(waiting: _Waiting, outcome: Answer | EngineError) -> None:
    if waiting.future.done():
        return
    if isinstance(outcome, EngineError):
        waiting.future.set_exception(outcome)
    else:
        waiting.future.set_result(outcome)

"""Micro-batches of the texts of all connections, in one model thread.

Callers run on the event loop; the model thread gets plain texts and returns plain predictions. The texts that wait when
the thread becomes free are the next batch: a first text starts at once, and batches grow only under load.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol
from weakref import WeakSet

from model_core.cache import EncoderCache
from model_core.classifier import Input, ModelInfo, Prediction, ServedClassifier, Variants
from model_core.errors import BeyondRate, EngineError, ModelUnavailable
from model_core.options import EngineOptions
from model_core.scheduling.background_jobs import BackgroundJobs
from model_core.scheduling.background_queue import Gate
from model_core.scheduling.scheduler import WaitingTexts
from model_core.tasks import spawn, stop
from model_core.ticket import MOST_CHARS_AT_ONCE, TOO_LATE, Answer, Asker, Ticket
from model_core.work import Size

logger = logging.getLogger(__name__)

_BACKGROUND_SHARE: Final = 1 / 16
"""Share of max_waiting_units that background work may use. More of it waits in its own queue."""


class EngineObserver(Protocol):
    """Is told about the engine's work, on the event loop, after the callers have their answers."""

    def on_batch(self, queue_s: Sequence[float], inference_s: float, background: bool) -> None:
        """Note an answered batch: the seconds that each text waited, and that the model took."""
        ...


class Engine:
    """Classifies texts for many callers of one event loop. All methods belong to that loop."""

    def __init__(
        self, classifier: ServedClassifier, options: EngineOptions | None = None, observer: EngineObserver | None = None
    ) -> None:
        self._classifier = classifier
        self._options = options or EngineOptions()
        self._observer = observer
        self._observer_failed = False
        # Not the default executor, which Django uses: a slow query there must not delay a key.
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starcast-model")
        self._caches: WeakSet[EncoderCache] = WeakSet()
        """Caches that the model may have filled. They are useless to another model."""
        self._followers: set[Callable[[], None]] = set()
        self.jobs = BackgroundJobs()
        """The turns of explanations and bulk requests, each of many background texts."""
        self._background = Gate(int(self._options.max_waiting_units * _BACKGROUND_SHARE))
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
        """Seconds since the current batch began; 0 if there is none."""
        since = self._batch_since
        return 0.0 if since is None else time.perf_counter() - since

    @property
    def info(self) -> ModelInfo:
        """The current model."""
        return self._classifier.info

    @property
    def classifier(self) -> ServedClassifier:
        """The current model itself, for what any thread may ask it."""
        return self._classifier

    def submit(self, text: Input, cache: EncoderCache | None = None, asker: Asker | None = None) -> Ticket:
        """Submit one text and return its ticket at once. Await it for the answer; its text can be replaced meanwhile.

        ``cache`` is kept by the caller from one text to the next. Raises Overloaded if too much work waits, BeyondRate
        if the asker cannot pay for the text, and ModelUnavailable if the engine is closed.
        """
        ticket = Ticket(text, cache or EncoderCache(), asker or Asker(), self._deadline())
        self._measure(ticket)
        self._waiting.make_room(ticket)
        return self._enter(ticket)

    async def classify(
        self, text: Input, cache: EncoderCache | None = None, asker: Asker | None = None, background: bool = False
    ) -> Answer:
        """Submit one text and await its answer. Raises the errors of ``submit`` and of ``Ticket``.

        ``background`` work is done only while no other text waits. It is neither Overloaded nor charged for: it waits
        in its own queue, which admits a little at a time.
        """
        if not background:
            return await self.submit(text, cache, asker)
        ticket = Ticket(text, cache or EncoderCache(), asker or Asker(), deadline=None, background=True)
        self._measure(ticket)
        # Of variants, a small step waits at a time.
        weight = 1 if isinstance(text, Variants) else ticket.units
        try:
            # The deadline includes the time in the queue.
            async with (
                asyncio.timeout(self.background_deadline_s),
                self._background.through(weight),
            ):
                return await self._enter(ticket)
        except TimeoutError as error:
            raise ModelUnavailable(TOO_LATE) from error

    @property
    def background_deadline_s(self) -> float:
        """Seconds that one piece of background work may take: a text, or an explanation."""
        return self._options.background_deadline_ms / 1000

    def replace_text(self, ticket: Ticket, text: str) -> bool:
        """Replace the text of a ticket that waits, and return True; False if ``Ticket.replace`` says so.

        A text on which the tokenizer fails replaces no other. Submitting it raises the error.
        """
        try:
            return ticket.replace(text, self._classifier, self._deadline())
        except Exception:
            logger.exception("the tokenizer failed on a text of %d characters", len(text))
            return False

    def _deadline(self) -> float:
        """By the clock of the event loop, of a text that comes now."""
        return asyncio.get_running_loop().time() + self._options.deadline_ms / 1000

    def _measure(self, ticket: Ticket) -> None:
        """Find out what a text costs, and charge for it."""
        if self._closed:
            raise ModelUnavailable("the engine is closed")
        try:
            ticket.enter(self._classifier)
        except EngineError:
            raise
        except Exception as error:
            logger.exception("the tokenizer failed on a text of %d characters", len(ticket.text))
            raise EngineError("the model failed on this text") from error

    def _remeasure(self, ticket: Ticket) -> None:
        """Find out what a replaced text costs, and charge for it. Settles the ticket if that fails."""
        try:
            ticket.remeasure(self._classifier)
        except EngineError as error:
            ticket.settle(error)
        except Exception as error:  # noqa: BLE001 - whoever awaits the ticket logs it
            ticket.settle(_failure(error))

    def _enter(self, ticket: Ticket) -> Ticket:
        if self._closed:
            raise ModelUnavailable("the engine is closed")
        self._waiting.add(ticket)
        if self._worker is None or self._worker.done():
            self._worker = spawn(self._work())
        return ticket

    def follow(self, follower: Callable[[], None]) -> None:
        """Call this after every replacement of the model, until ``unfollow``."""
        self._followers.add(follower)

    def unfollow(self, follower: Callable[[], None]) -> None:
        """Call this no more."""
        self._followers.discard(follower)

    async def replace(self, classifier: ServedClassifier) -> None:
        """Use another model from the next batch on. Return once the caches of the old one are empty.

        No waiting text is lost, and none is delayed by more than one batch.
        """
        self._classifier = classifier
        caches, self._caches = list(self._caches), WeakSet()
        # In the model thread, after its current batch: caches are used nowhere else.
        await asyncio.get_running_loop().run_in_executor(self._executor, _clear, caches)
        for follower in list(self._followers):
            try:
                follower()
            except Exception:
                logger.exception("a follower of the model failed")

    async def close(self) -> None:
        """Refuse all waiting texts, and end the model thread after its current batch."""
        self._closed = True
        for ticket in self._waiting.clear():
            ticket.settle(ModelUnavailable("the engine is closed"))
        # Drop the task: a cancelled one still refers to the texts of its batch.
        worker, self._worker = self._worker, None
        try:
            await stop(worker)
        finally:
            self._executor.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        """Run batch after batch until nothing waits; an idle engine has no task."""
        loop = asyncio.get_running_loop()
        while batch := self._waiting.take(self._remeasure):
            classifier, first = self._classifier, batch[0]
            if isinstance(first.text, Variants) and first.measured_by is not classifier:
                # Neither their tokens nor what was read of them mean anything to another model.
                first.settle(ModelUnavailable("the model was replaced meanwhile; ask again"))
                continue
            texts, caches = [ticket.text for ticket in batch], [ticket.cache for ticket in batch]
            self._caches.update(caches)
            # The same for all texts of a batch.
            step = self._waiting.step_tokens(first)
            in_steps = [ticket.has_steps(step) for ticket in batch]
            units = sum(ticket.units_of_step(step) for ticket in batch)
            taken = self._batch_since = time.perf_counter()
            try:
                outcome = await loop.run_in_executor(
                    self._executor, _step, classifier, texts, caches, bool(first.chars), in_steps, step
                )
            except (Exception, asyncio.CancelledError) as error:
                for ticket in batch:
                    ticket.settle(ModelUnavailable("the model thread is gone"))
                if isinstance(error, asyncio.CancelledError):
                    raise
                logger.exception("the model thread failed")
                continue
            finally:
                self._batch_since = None
            done = time.perf_counter()
            self._waiting.note_time(units, done - taken, background=first.background)
            for ticket in batch:
                ticket.inference_s += done - taken
            match outcome:
                case list():
                    rated = []
                    for ticket, rating in zip(batch, outcome, strict=True):
                        if isinstance(rating, int):
                            ticket.advanced(rating)
                            self._waiting.add(ticket)
                        else:
                            rated.append((ticket, rating))
                    self._answer(rated, classifier.info, done)
                case int():
                    first.chars = outcome
                    self._waiting.add(first)
                case Size():
                    self._enter_tokenised(first, outcome)

    def _enter_tokenised(self, ticket: Ticket, size: Size) -> None:
        """Put a text that was tokenised in steps back into the queue, if the asker can pay for its tokens."""
        try:
            ticket.set_size(size)
        except BeyondRate as error:
            ticket.settle(error)
        else:
            self._waiting.add(ticket)

    def _answer(self, rated: Sequence[tuple[Ticket, Prediction | EngineError]], model: ModelInfo, done: float) -> None:
        queue_s = [done - ticket.since - ticket.inference_s for ticket, _ in rated]
        for (ticket, outcome), waited_s in zip(rated, queue_s, strict=True):
            if isinstance(outcome, EngineError):
                ticket.settle(outcome)
            else:
                ticket.settle(Answer(outcome, model, waited_s * 1000, ticket.inference_s * 1000))
        if rated:
            self._observe([ticket for ticket, _ in rated], queue_s)

    def _observe(self, batch: Sequence[Ticket], queue_s: Sequence[float]) -> None:
        if self._observer is None:
            return
        try:
            self._observer.on_batch(queue_s, max(ticket.inference_s for ticket in batch), batch[0].background)
        except Exception:
            # Logged once: it would fail at every key.
            if not self._observer_failed:
                logger.exception("the engine's observer failed")
            self._observer_failed = True


_Outcome = list[Prediction | EngineError | int] | Size | int
"""Of a batch: the ratings, or of a text of which only some tokens were encoded, how many; of characters that were
tokenised: the size of the text, or how many are left."""


def _step(
    classifier: ServedClassifier,
    texts: list[Input],
    caches: list[EncoderCache],
    tokenises: bool,
    in_steps: list[bool],
    tokens: int,
) -> _Outcome:
    """In the model thread: tokenise some of a long text; or rate a batch, but encode ``tokens`` of texts in steps."""
    result: list[Prediction | EngineError | int] = [0] * len(texts)
    left = list(range(len(texts)))
    with contextlib.suppress(Exception):  # Rating the text will raise it again.
        if tokenises:
            text, cache = texts[0], caches[0]
            return classifier.tokenise(text, cache, MOST_CHARS_AT_ONCE) or classifier.measure(text, cache)
        if any(in_steps):
            # Texts that end in this step are read side by side with the others, but for the last block.
            result[:] = classifier.advance(texts, caches, tokens)
            left = [row for row in left if not (in_steps[row] and result[row])]
    if left:
        rated = _classify(classifier, [texts[row] for row in left], [caches[row] for row in left])
        for row, rating in zip(left, rated, strict=True):
            result[row] = rating
    return result


def _classify(
    classifier: ServedClassifier, texts: list[Input], caches: list[EncoderCache]
) -> list[Prediction | EngineError]:
    """In the model thread: rate a batch. If that fails, rate its texts one by one, so that only bad ones fail."""
    try:
        predictions = classifier.classify(texts, caches)
        return [prediction for _, prediction in zip(texts, predictions, strict=True)]
    except Exception as error:  # noqa: BLE001 - the caller logs it
        for cache in caches:
            cache.clear()  # It may be half written.
        if len(texts) == 1:
            return [_failure(error)]
        singly = (_classify(classifier, [text], [cache]) for text, cache in zip(texts, caches, strict=True))
        return [outcome for outcomes in singly for outcome in outcomes]


def _failure(cause: Exception) -> EngineError:
    failure = EngineError("the model failed on this text")
    failure.__cause__ = cause
    return failure


def _clear(caches: Iterable[EncoderCache]) -> None:
    for cache in caches:
        cache.forget()

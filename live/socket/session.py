"""The texts of one connection: the newest is always answered, older ones may be skipped.

At most one text is in the engine, and one waits here. A newer text replaces the one in the engine if the model has not
begun with it, else the one that waits here. This module does not know about sockets.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from live.messages.client import SessionOptions, TextUpdate
from live.messages.protocol import ProtocolError, error_body, from_engine_error, rating_fields
from live.messages.server import (
    ErrorMessage,
    ExplanationMessage,
    ModelChanged,
    PredictionMessage,
    Timing,
    model_changed,
)
from live.monitoring.metrics import keystroke_seconds, skipped_texts, texts
from live.socket.explaining import Explaining
from model_core.cache import EncoderCache
from model_core.classifier import ModelInfo
from model_core.engine import Engine
from model_core.errors import EngineError
from model_core.labels import LabelSet
from model_core.tasks import spawn, stop
from model_core.ticket import Answer, Asker, Ticket

logger = logging.getLogger(__name__)

Send = Callable[[ModelChanged | PredictionMessage | ExplanationMessage | ErrorMessage], Awaitable[None]]


@dataclass(slots=True)
class _UnderWay:
    """The text that is being rated."""

    update: TextUpdate
    since: float
    """When it came, by ``time.perf_counter``."""
    skipped: int
    """Texts replaced or cancelled before it, for ``skipped`` of its answer."""
    ticket: Ticket | None = None
    """Its place in the engine; None if the engine refused it."""


@dataclass(frozen=True, slots=True)
class _Answered:
    update: TextUpdate
    answer: Answer


class TypingSession:
    """Takes texts and sends their ratings through ``send``, one at a time and in increasing ``seq``."""

    def __init__(
        self, engine: Engine, send: Send, asker: Asker | None = None, give_back: Callable[[int], None] = lambda _: None
    ) -> None:
        self.options = SessionOptions()
        self._engine = engine
        self._asker = asker or Asker()
        self._send = send
        self._newest_seq = -1
        self._waiting: TextUpdate | None = None
        self._waiting_since = 0.0
        self._rated: _UnderWay | None = None
        self._answered: _Answered | None = None
        self._skipped = 0
        self._final_seq: int | None = None
        self._explain_seq: int | None = None
        self._explain_paid = 0
        self._explain_partial = False
        self._explaining = Explaining(engine, send, self._asker, give_back)
        self._cache = EncoderCache()
        self._worker: asyncio.Task[None] | None = None
        self._predicted_at = -math.inf
        self._hurry = asyncio.Event()
        self._finishing = False
        self._told_labels = engine.info.labels
        """Of the model that the client was told of."""
        self._telling: asyncio.Task[None] | None = None
        engine.follow(self._on_other_model)

    @property
    def labels(self) -> LabelSet:
        """The labels of the newest prediction that was sent."""
        return self._told_labels

    @property
    def is_busy(self) -> bool:
        """Whether a text is being rated or waits."""
        return bool(self._unanswered)

    @property
    def _unanswered(self) -> tuple[TextUpdate, ...]:
        """The waiting text and the one being rated, newest first; each may be missing."""
        rated = () if self._rated is None else (self._rated.update,)
        return rated if self._waiting is None else (self._waiting, *rated)

    def update(self, update: TextUpdate) -> None:
        """Store the newest text and return at once. Raises ProtocolError if ``seq`` does not increase."""
        if update.seq <= self._newest_seq:
            raise ProtocolError("seq_not_increasing", f"seq must be greater than {self._newest_seq}", "seq", update.seq)
        self.refuse(update.seq)
        if self._waiting is not None:
            self._skip()
        self._waiting = update
        self._waiting_since = time.perf_counter()
        texts.inc()
        self._replace_rated()
        # An idle connection has no task: it costs only its socket and this object.
        if self._worker is None or self._worker.done():
            self._worker = spawn(self._work())

    def refuse(self, seq: int | None) -> None:
        """Note that the text ``seq`` was answered by an error before it came here; None is no text."""
        if seq is not None and seq > self._newest_seq:
            self._newest_seq = seq
            self._drop_explanation()

    async def flush(self) -> None:
        """Mark the next answer to the newest text as final, or send the last answer again as final.

        Raises ProtocolError before the first text, or if the newest was answered by an error.
        """
        if self._unanswered:
            self._final_seq = self._unanswered[0].seq
            self._hurry.set()
        elif self._answered is not None and self._answered.update.seq == self._newest_seq:
            await self._tell_model(self._answered.answer.model)
            await self._send(self._prediction(self._answered, is_final=True))
        else:
            raise ProtocolError("bad_request", "there is no rated text to flush: send text.update", "seq")

    def is_new_to_explain(self, seq: int) -> bool:
        """Whether explaining the text ``seq`` would be new work, not work that is already under way."""
        held = self._unanswered if self._answered is None else (*self._unanswered, self._answered.update)
        is_held = seq == self._newest_seq and any(update.seq == seq for update in held)
        return is_held and seq not in (self._explain_seq, self._explaining.seq)

    def explain(self, seq: int, paid: int = 0, *, partial: bool = False) -> None:
        """Explain the text ``seq`` once it is rated; do nothing if it is no longer the newest.

        ``paid``: units to give back if the engine refuses it. ``partial``: also send what is known so far.

        Raises ProtocolError if there is no such text, or it was cancelled or answered by an error.
        """
        if seq < self._newest_seq:
            return
        if any(update.seq == seq for update in self._unanswered):
            if seq != self._explain_seq:  # Who asks again pays nothing.
                self._explain_paid = paid
            self._explain_seq, self._explain_partial = seq, partial
        elif self._answered is not None and self._answered.update.seq == seq:
            self._explaining.start(seq, self._answered.update.text, paid, partial=partial)
        else:
            raise ProtocolError("bad_request", "there is no rated text with this seq to explain", "seq", seq)

    def choose(self, options: SessionOptions) -> None:
        """Change the options that are set; the others stay."""
        self.options = self.options.model_copy(update=options.model_dump(exclude_unset=True))
        self._hurry.set()

    def cancel(self) -> None:
        """Cancel the waiting text and any explanation. They get no answer, since the client asked for this."""
        if self._waiting is not None:
            self._waiting = None
            self._skip()
        if self._final_seq is not None:
            self._final_seq = None if self._rated is None else self._rated.update.seq
        self._drop_explanation()

    async def finish(self, within_s: float) -> None:
        """Answer the accepted texts without further pauses, then stop. After ``within_s`` the answer is an error."""
        self._finishing = True
        self._hurry.set()
        ends_at = time.monotonic() + within_s
        # A text that came just after the last answer has started a new worker.
        while self._worker is not None and not self._worker.done() and (left_s := ends_at - time.monotonic()) > 0:
            await asyncio.wait([self._worker], timeout=left_s)
        unanswered = self._unanswered
        await self.close()
        if unanswered:
            error = ProtocolError("model_unavailable", "the server stops before the answer", seq=unanswered[0].seq)
            await self._send(ErrorMessage(error=error_body(error)))

    async def close(self) -> None:
        """Stop, and return when the tasks have ended."""
        self._engine.unfollow(self._on_other_model)
        self._waiting = None
        try:
            await stop(self._telling)
            await stop(self._worker)
        finally:
            await self._explaining.close()

    async def _work(self) -> None:
        while (rated := await self._next()) is not None:
            self._rated = rated
            message = await self._rate(rated)
            self._rated = None
            if isinstance(message, PredictionMessage) and self._answered is not None:
                await self._tell_model(self._answered.answer.model)
            await self._send(message)
            if isinstance(message, PredictionMessage):
                keystroke_seconds.observe(time.perf_counter() - rated.since)
            if self._explain_seq == rated.update.seq and isinstance(message, PredictionMessage):
                self._explain_seq = None
                self._explaining.start(
                    rated.update.seq, rated.update.text, self._explain_paid, partial=self._explain_partial
                )

    def _on_other_model(self) -> None:
        if self._engine.info.labels != self._told_labels and not self._finishing:
            self._telling = spawn(self._tell_model(self._engine.info))

    async def _tell_model(self, model: ModelInfo) -> None:
        """Tell the client of a model with other labels, before anything that this model says."""
        if model.labels != self._told_labels:
            self._told_labels = model.labels
            await self._send(model_changed(model))

    async def _rate(self, rated: _UnderWay) -> PredictionMessage | ErrorMessage:
        try:
            rated.ticket = self._engine.submit(rated.update.text, self._cache, self._asker)
            answer = await rated.ticket
            self._answered = _Answered(rated.update, answer)
            self._predicted_at = time.monotonic()
            return self._prediction(self._answered, self._take_flush(rated.update.seq), rated.skipped)
        except EngineError as error:
            refusal = from_engine_error(error, rated.update.seq)
        except Exception:
            logger.exception("rating a text failed")
            refusal = ProtocolError("internal", "something went wrong here", seq=rated.update.seq)
        # Report the skipped texts in the next prediction, since an error has no such field.
        self._skipped += rated.skipped
        self._take_flush(rated.update.seq)
        return ErrorMessage(error=error_body(refusal))

    async def _next(self) -> _UnderWay | None:
        """Take the waiting text, if it still waits after the pause."""
        if self._waiting is not None:
            await self._pause()
        if self._waiting is None:
            return None
        rated = _UnderWay(self._waiting, self._waiting_since, self._skipped)
        self._waiting, self._skipped = None, 0
        return rated

    def _replace_rated(self) -> None:
        """Replace the text in the engine by the waiting one, if the engine allows it."""
        rated, newer = self._rated, self._waiting
        if rated is None or rated.ticket is None or newer is None:
            return
        if not self._engine.replace_text(rated.ticket, newer.text):
            return
        self._skip()
        rated.update, rated.since = newer, self._waiting_since
        rated.skipped += self._skipped
        self._waiting, self._skipped = None, 0

    async def _pause(self) -> None:
        """Wait for the interval between two predictions, unless a flush waits or the session is finishing."""
        while self._final_seq is None and not self._finishing and (wait_s := self._interval_left_s()) > 0:
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
            self._waiting_since = time.perf_counter()  # A pause that the client chose does not count as delay.

    def _skip(self) -> None:
        self._skipped += 1
        skipped_texts.inc()

    def _interval_left_s(self) -> float:
        return self._predicted_at + self.options.min_interval_ms / 1000 - time.monotonic()

    def _drop_explanation(self) -> None:
        self._explain_seq = None
        self._explaining.drop()

    def _take_flush(self, seq: int) -> bool:
        """Return whether the answer to ``seq`` settles a flush, and forget that flush."""
        is_final = self._final_seq is not None and seq >= self._final_seq
        if is_final:
            self._final_seq = None
        return is_final

    def _prediction(self, answered: _Answered, is_final: bool, skipped: int = 0) -> PredictionMessage:
        answer = answered.answer
        return PredictionMessage(
            seq=answered.update.seq,
            skipped=skipped,
            is_final=is_final,
            timing_ms=Timing(queue=round(answer.queue_ms, 2), inference=round(answer.inference_ms, 2)),
            model_version=answer.model.version,
            **rating_fields(answer.prediction),
        )

"""The sequence contract of one connection: the newest text is always answered, older ones may be passed over.

One text is with the engine, one waits here. A newer text takes the place of the one in the engine, until the model has
begun with it, and otherwise of the one that waits here. Nothing here knows of sockets.
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
from live.messages.server import ErrorMessage, ExplanationMessage, PredictionMessage, Timing
from live.monitoring.metrics import keystroke_seconds, skipped_texts, texts
from live.socket.explaining import Explaining
from model_core.cache import EncoderCache
from model_core.engine import Engine
from model_core.errors import EngineError
from model_core.tasks import spawn, stop
from model_core.ticket import Answer, Ticket

logger = logging.getLogger(__name__)

Send = Callable[[PredictionMessage | ExplanationMessage | ErrorMessage], Awaitable[None]]


@dataclass(slots=True)
class _UnderWay:
    """The text that is being rated."""

    update: TextUpdate
    since: float
    """When it came, on the clock of ``time.perf_counter``."""
    skipped: int
    """Texts that its answer says to have been passed over."""
    ticket: Ticket | None = None
    """Its place in the engine; None where the engine has refused it."""


@dataclass(frozen=True, slots=True)
class _Answered:
    update: TextUpdate
    answer: Answer


class TypingSession:
    """Takes texts as they come and sends ratings through ``send``, one at a time and in increasing ``seq``."""

    def __init__(self, engine: Engine, send: Send) -> None:
        self.options = SessionOptions()
        self._engine = engine
        self._send = send
        self._newest_seq = -1
        self._waiting: TextUpdate | None = None
        self._waiting_since = 0.0
        self._rated: _UnderWay | None = None
        self._answered: _Answered | None = None
        self._skipped = 0
        self._final_seq: int | None = None
        self._explain_seq: int | None = None
        self._explaining = Explaining(engine, send)
        self._cache = EncoderCache()
        self._worker: asyncio.Task[None] | None = None
        self._predicted_at = -math.inf
        self._hurry = asyncio.Event()
        self._finishing = False

    @property
    def is_busy(self) -> bool:
        """Whether a text is being rated or waits."""
        return bool(self._unanswered)

    @property
    def _unanswered(self) -> tuple[TextUpdate, ...]:
        """The text that waits and the one that is being rated, as far as there are any."""
        rated = () if self._rated is None else (self._rated.update,)
        return rated if self._waiting is None else (self._waiting, *rated)

    def update(self, update: TextUpdate) -> None:
        """Store the newest text and return at once. Raises ProtocolError where ``seq`` does not increase."""
        if update.seq <= self._newest_seq:
            raise ProtocolError(
                "seq_not_increasing", f"seq must be above {self._newest_seq}, the newest so far", "seq", update.seq
            )
        self.refuse(update.seq)
        if self._waiting is not None:
            self._skip()
        self._waiting = update
        self._waiting_since = time.perf_counter()
        texts.inc()
        self._replace_rated()
        # No task while nobody types: an idle connection costs its socket and this object.
        if self._worker is None or self._worker.done():
            self._worker = spawn(self._work())

    def refuse(self, seq: int | None) -> None:
        """Note that the text ``seq``, if any, came, also where it was answered by an error before it came here."""
        if seq is not None and seq > self._newest_seq:
            self._newest_seq = seq
            self._drop_explanation()

    async def flush(self) -> None:
        """Have the newest text answered as final: by the answer under way, or by the last one again.

        Raises ProtocolError before the first text, or where the newest was answered by an error.
        """
        if self._unanswered:
            self._final_seq = self._unanswered[0].seq
            self._hurry.set()
        elif self._answered is not None and self._answered.update.seq == self._newest_seq:
            await self._send(self._prediction(self._answered, is_final=True))
        else:
            raise ProtocolError("bad_request", "there is no rated text to flush: send text.update", "seq")

    def is_new_to_explain(self, seq: int) -> bool:
        """Whether to explain the text ``seq`` would be work, and none that is under way already."""
        held = self._unanswered if self._answered is None else (*self._unanswered, self._answered.update)
        is_held = seq == self._newest_seq and any(update.seq == seq for update in held)
        return is_held and seq not in (self._explain_seq, self._explaining.seq)

    def explain(self, seq: int) -> None:
        """Have the text ``seq`` explained as soon as it is rated. One that is no longer the newest is passed over.

        Raises ProtocolError for a text that never came, was cancelled, or was answered by an error.
        """
        if seq < self._newest_seq:
            return
        if any(update.seq == seq for update in self._unanswered):
            self._explain_seq = seq
        elif self._answered is not None and self._answered.update.seq == seq:
            self._explaining.start(seq, self._answered.update.text)
        else:
            raise ProtocolError("bad_request", "there is no rated text of this seq to explain", "seq", seq)

    def choose(self, options: SessionOptions) -> None:
        """Take those options that are set; the others stay."""
        self.options = self.options.model_copy(update=options.model_dump(exclude_unset=True))
        self._hurry.set()

    def cancel(self) -> None:
        """Forget the text that waits and any explanation. The client asked for it, so there is no answer."""
        if self._waiting is not None:
            self._waiting = None
            self._skip()
        if self._final_seq is not None:
            self._final_seq = None if self._rated is None else self._rated.update.seq
        self._drop_explanation()

    async def finish(self, within_s: float) -> None:
        """Answer what was taken without further pauses, by an error where that takes longer, and stop working."""
        self._finishing = True
        self._hurry.set()
        ends_at = time.monotonic() + within_s
        # A text that comes when the one before was just answered is worked on by another task.
        while self._worker is not None and not self._worker.done() and (left_s := ends_at - time.monotonic()) > 0:
            await asyncio.wait([self._worker], timeout=left_s)
        unanswered = self._unanswered
        await self.close()
        if unanswered:
            error = ProtocolError("model_unavailable", "the server stops before the answer", seq=unanswered[0].seq)
            await self._send(ErrorMessage(error=error_body(error)))

    async def close(self) -> None:
        """Stop working; return when the tasks have ended."""
        self._waiting = None
        try:
            await stop(self._worker)
        finally:
            await self._explaining.close()

    async def _work(self) -> None:
        while (rated := await self._next()) is not None:
            self._rated = rated
            message = await self._rate(rated)
            self._rated = None
            await self._send(message)
            if isinstance(message, PredictionMessage):
                keystroke_seconds.observe(time.perf_counter() - rated.since)
            if self._explain_seq == rated.update.seq and isinstance(message, PredictionMessage):
                self._explain_seq = None
                self._explaining.start(rated.update.seq, rated.update.text)

    async def _rate(self, rated: _UnderWay) -> PredictionMessage | ErrorMessage:
        try:
            rated.ticket = self._engine.submit(rated.update.text, self._cache)
            answer = await rated.ticket
            self._answered = _Answered(rated.update, answer)
            self._predicted_at = time.monotonic()
            return self._prediction(self._answered, self._take_flush(rated.update.seq), rated.skipped)
        except EngineError as error:
            refusal = from_engine_error(error, rated.update.seq)
        except Exception:
            logger.exception("rating a text failed")
            refusal = ProtocolError("internal", "something went wrong here", seq=rated.update.seq)
        # These texts were passed over as well; the next prediction says so.
        self._skipped += rated.skipped
        self._take_flush(rated.update.seq)
        return ErrorMessage(error=error_body(refusal))

    async def _next(self) -> _UnderWay | None:
        """Take the text that waits, if one still does after the pause."""
        if self._waiting is not None:
            await self._pause()
        if self._waiting is None:
            return None
        rated = _UnderWay(self._waiting, self._waiting_since, self._skipped)
        self._waiting, self._skipped = None, 0
        return rated

    def _replace_rated(self) -> None:
        """Have the text that waits rated in the place of the one that is with the engine, where that is possible."""
        rated, newer = self._rated, self._waiting
        if rated is None or rated.ticket is None or newer is None or not rated.ticket.replace(newer.text):
            return
        self._skip()
        rated.update, rated.since = newer, self._waiting_since
        rated.skipped += self._skipped
        self._waiting, self._skipped = None, 0

    async def _pause(self) -> None:
        """Let the interval between two predictions pass, unless somebody waits for the end."""
        while self._final_seq is None and not self._finishing and (wait_s := self._interval_left_s()) > 0:
            self._hurry.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._hurry.wait()
            self._waiting_since = time.perf_counter()  # A pause that the client asked for is no delay of ours.

    def _skip(self) -> None:
        self._skipped += 1
        skipped_texts.inc()

    def _interval_left_s(self) -> float:
        return self._predicted_at + self.options.min_interval_ms / 1000 - time.monotonic()

    def _drop_explanation(self) -> None:
        self._explain_seq = None
        self._explaining.drop()

    def _take_flush(self, seq: int) -> bool:
        """Whether the answer to ``seq`` is the one that a flush waits for; it waits no longer then."""
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

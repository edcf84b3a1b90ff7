"""The sequence contract of one connection: the newest text is always answered, older ones may be passed over.

One text is being rated, one waits; a newer text takes the place of the waiting one. Nothing here knows of sockets.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from live.protocol import (
    ErrorMessage,
    PredictionMessage,
    ProtocolError,
    TextUpdate,
    Timing,
    error_body,
    from_engine_error,
    rating_fields,
)
from model_core.cache import EncoderCache
from model_core.engine import Answer, Engine
from model_core.errors import EngineError

Send = Callable[[PredictionMessage | ErrorMessage], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Answered:
    seq: int
    answer: Answer


class TypingSession:
    """Takes texts as they come and sends ratings through ``send``, one at a time and in increasing ``seq``."""

    def __init__(self, engine: Engine, send: Send) -> None:
        self._engine = engine
        self._send = send
        self._newest_seq = -1
        self._final_seq: int | None = None
        self._rated_seq = -1
        self._waiting: TextUpdate | None = None
        self._skipped = 0
        self._answered: _Answered | None = None
        self._cache = EncoderCache()
        self._worker: asyncio.Task[None] | None = None

    def update(self, update: TextUpdate) -> None:
        """Store the newest text and return at once. Raises ProtocolError where ``seq`` does not increase."""
        self.check_seq(update.seq)
        self._newest_seq = update.seq
        if self._waiting is not None:
            self._skipped += 1
        self._waiting = update
        self._wake()

    def check_seq(self, seq: int) -> None:
        """Raise ProtocolError for a ``seq`` that is not above all before it."""
        if seq <= self._newest_seq:
            raise ProtocolError(
                "seq_not_increasing", f"seq must be above {self._newest_seq}, the newest so far", "seq", seq
            )

    def refuse(self, seq: int) -> None:
        """Note that a text was answered by an error before it came here."""
        self._newest_seq = max(self._newest_seq, seq)

    async def flush(self) -> None:
        """Have the newest text answered as final: by the answer under way, or by the last one again.

        Raises ProtocolError before the first text, or where the newest was answered by an error.
        """
        if self._busy:
            self._final_seq = self._rated_seq if self._waiting is None else self._waiting.seq
        elif self._answered is not None and self._answered.seq == self._newest_seq:
            await self._send(self._prediction(self._answered, is_final=True))
        else:
            raise ProtocolError("bad_request", "there is no rated text to flush: send text.update", "seq")

    def cancel(self) -> None:
        """Forget the text that waits. The client asked for it, so it is not answered."""
        if self._waiting is not None:
            self._waiting = None
            self._skipped += 1
        if self._final_seq is not None:
            self._final_seq = self._rated_seq

    async def close(self) -> None:
        """Stop working; return when the task has ended."""
        self._waiting = None
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker

    @property
    def _busy(self) -> bool:
        return self._worker is not None and not self._worker.done()

    def _wake(self) -> None:
        # No task while nobody types: an idle connection costs its socket and this object.
        if not self._busy:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        while (update := self._waiting) is not None:
            self._waiting = None
            self._rated_seq = update.seq
            skipped, self._skipped = self._skipped, 0
            try:
                answered = _Answered(update.seq, await self._engine.classify(update.text, self._cache))
            except EngineError as error:
                # These texts were passed over as well; the next prediction says so.
                self._skipped += skipped
                self._take_flush(update.seq)
                await self._send(ErrorMessage(error=error_body(from_engine_error(error, update.seq))))
                continue
            self._answered = answered
            await self._send(self._prediction(answered, self._take_flush(update.seq), skipped))

    def _take_flush(self, seq: int) -> bool:
        """Whether the answer to ``seq`` is the one that a flush waits for; it waits no longer then."""
        is_final = self._final_seq is not None and seq >= self._final_seq
        if is_final:
            self._final_seq = None
        return is_final

    def _prediction(self, answered: _Answered, is_final: bool, skipped: int = 0) -> PredictionMessage:
        answer = answered.answer
        return PredictionMessage(
            seq=answered.seq,
            skipped=skipped,
            is_final=is_final,
            timing_ms=Timing(queue=round(answer.queue_ms, 2), inference=round(answer.inference_ms, 2)),
            model_version=self._engine.info.version,
            **rating_fields(answer.prediction),
        )

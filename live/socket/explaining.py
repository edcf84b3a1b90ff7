"""The explanation that a connection waits for: at most one, and only for its newest text."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from live.messages.protocol import ProtocolError, error_body, explained_fields, from_engine_error
from live.messages.server import ErrorMessage, ExplanationMessage
from model_core.engine import Engine
from model_core.errors import EngineError, Overloaded
from model_core.explain import Explanation, explain
from model_core.tasks import spawn, stop
from model_core.ticket import Asker

logger = logging.getLogger(__name__)

Send = Callable[[ExplanationMessage | ErrorMessage], Awaitable[None]]


class Explaining:
    """Explains one text at a time, in a task of its own."""

    def __init__(self, engine: Engine, send: Send, asker: Asker, give_back: Callable[[int], None]) -> None:
        self._engine = engine
        self._asker = asker
        self._send = send
        self._give_back = give_back
        self.seq: int | None = None
        """Number of the text that is being explained, or None."""
        self._task: asyncio.Task[None] | None = None

    def start(self, seq: int, text: str, paid: int = 0, *, partial: bool = False) -> None:
        """Start to explain the text ``seq``, unless it is being explained already.

        ``paid``: units to give back if the engine refuses it. ``partial``: also send what is known so far.
        """
        if seq == self.seq:
            return
        self.drop()
        self.seq = seq
        self._task = spawn(self._explain(seq, text, paid, partial=partial))

    def drop(self) -> None:
        """Cancel the explanation; its place in the engine is free at once."""
        self.seq = None
        if self._task is not None:
            self._task.cancel()

    async def close(self) -> None:
        """Cancel the explanation, and return when its task has ended."""
        self.seq = None
        await stop(self._task)

    async def _explain(self, seq: int, text: str, paid: int, *, partial: bool) -> None:
        async def tell(known: Explanation) -> None:
            await self._send(ExplanationMessage(seq=seq, partial=True, **explained_fields(known)))

        message: ExplanationMessage | ErrorMessage
        try:
            explanation = await explain(self._engine, text, self._asker, tell if partial else None)
            message = ExplanationMessage(seq=seq, **explained_fields(explanation))
        except EngineError as error:
            if isinstance(error, Overloaded):
                self._give_back(paid)
            message = ErrorMessage(error=error_body(from_engine_error(error, seq)))
        except Exception:
            logger.exception("explaining a text failed")
            message = ErrorMessage(error=error_body(ProtocolError("internal", "something went wrong here", seq=seq)))
        self.seq = None
        await self._send(message)

"""The typist's WebSocket: each message is parsed, charged for, and handed to the session. Never waits for a rating."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from live.access.prices import EXPLANATION, WATCHED
from live.access.revocation import key_watch
from live.access.usage import Usage
from live.connections.consumer import AdmittedConsumer
from live.messages.client import (
    AskUsage,
    Cancel,
    ClientMessage,
    Close,
    Explain,
    Flush,
    Ping,
    SessionUpdate,
    TextUpdate,
    parse_client_message,
)
from live.messages.errors import CLOSE_ASKED_FOR, CLOSE_GOING_AWAY
from live.messages.protocol import ProtocolError
from live.messages.rooms import RoomClose, RoomOpen
from live.messages.server import (
    ErrorMessage,
    ExplanationMessage,
    ModelChanged,
    Pong,
    PredictionMessage,
    SessionClosing,
    SessionUpdated,
    UsageReport,
)
from live.socket.session import TypingSession
from live.watching.room import rooms
from live.watching.sharing import Sharing

logger = logging.getLogger(__name__)

Answer = ModelChanged | PredictionMessage | ExplanationMessage | ErrorMessage


class ClassifyConsumer(AdmittedConsumer):
    """One typist."""

    _session: TypingSession | None = None
    _sharing: Sharing

    def __init__(self) -> None:
        super().__init__()
        self._usage = Usage()
        self._counted_seq = -1
        self._explained_seq = -1

    async def connect(self) -> None:
        """Admit the typist and start a session, or refuse the connection."""
        if (engine := await self.admit()) is None:
            return
        session = self._session = TypingSession(engine, self._answer, self.asker, self.give_back)
        self._sharing = Sharing(self.tell, self.address, self.limits)
        await self.greet(engine, is_busy=lambda: session.is_busy)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Read a message, charge for it, and do what it says."""
        session = self._session
        if session is None or self.closed:
            return
        try:
            message, price = self.take(text_data, parse_client_message, lambda message: self._price(message, session))
        except ProtocolError as error:
            session.refuse(error.seq)
            await self.answer_error(error)
            return
        try:
            await self._do(message, session, price)
        except ProtocolError as error:
            await self.answer_error(error)

    def _price(self, message: ClientMessage, session: TypingSession) -> int:
        """The price of what a message asks for, in units of work. The engine charges what the model does for a text."""
        match message:
            case Explain(seq=seq) if session.is_new_to_explain(seq):
                return EXPLANATION + WATCHED * self._sharing.watchers
            case TextUpdate() | Flush():
                return WATCHED * self._sharing.watchers
            case RoomOpen(secret=secret):
                return WATCHED * rooms.watchers_of(secret)
        return 0

    async def _do(self, message: ClientMessage, session: TypingSession, paid: int) -> None:
        match message:
            case TextUpdate():
                session.update(message)
                with _observing():
                    self._sharing.typed(message)
            case Flush():
                await session.flush()
            case Explain(seq=seq, partial=partial):
                session.explain(seq, paid, partial=partial)
            case SessionUpdate(session=options):
                session.choose(options)
                await self.tell(SessionUpdated(session=session.options))
            case Cancel():
                session.cancel()
            case Ping(id=ping_id):
                await self.tell(Pong(id=ping_id))
            case RoomOpen(secret=secret):
                await self._sharing.open(secret)
            case RoomClose():
                await self._sharing.close()
            case AskUsage():
                await self._tell_usage()
            case Close():
                await self._sharing.close()
                await self._tell_usage()
                await self.close(CLOSE_ASKED_FOR)

    async def leave(self, closing: SessionClosing, within_s: float) -> None:
        """Announce the close, answer the newest text within this time, and close."""
        await self.tell(closing)
        if self._session is not None:
            await self._session.finish(within_s)
        await self.close(CLOSE_GOING_AWAY)

    async def end(self) -> None:
        """Stop rating."""
        await super().end()
        if self._session is not None:
            self._sharing.leave()
            await self._session.close()
            del self._session, self._sharing

    async def _answer(self, message: Answer) -> None:
        await self.tell(message)
        with _observing():
            self._observe(message)

    def _observe(self, message: Answer) -> None:
        match message:
            case PredictionMessage():
                if self._session is not None:
                    self._sharing.rated(message, self._session.labels)
                # A flush sends the last answer again.
                if message.seq > self._counted_seq:
                    self._counted_seq = message.seq
                    self._count(Usage(texts=1, tokens=message.tokens))
            case ExplanationMessage(seq=seq):
                self._sharing.explained(message)
                # Asked for again, or finished after its first part.
                if seq != self._explained_seq:
                    self._explained_seq = seq
                    self._count(Usage(explanations=1))

    def _count(self, usage: Usage) -> None:
        self._usage.add(usage)
        key_watch.note_usage(self.key, usage)

    async def _tell_usage(self) -> None:
        await self.tell(UsageReport(**asdict(self._usage)))


@contextmanager
def _observing() -> Iterator[None]:
    """Log what fails in an observer: it must not take the answer to this text or the next."""
    try:
        yield
    except Exception:
        logger.exception("watching or counting failed")


class UnknownPathConsumer(AdmittedConsumer):
    """Refuses connections to unknown paths, where Channels would log a traceback. They are charged like others."""

    async def connect(self) -> None:
        """Accept, send the error, close."""
        await self.accept_offered()
        try:
            self.charge_connection()
            self.count_in()
        except ProtocolError as error:
            await self.refuse(error)
        else:
            await self.refuse(ProtocolError("unknown_path", "unknown path; connect to /ws/v1/classify/"))

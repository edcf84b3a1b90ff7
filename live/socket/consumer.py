"""WebSocket consumers: parse, hand on to the session, send what comes back. Nothing here waits."""

from live.connections.consumer import AdmittedConsumer, SocketConsumer
from live.messages.client import (
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
from live.messages.errors import CLOSE_ASKED_FOR
from live.messages.protocol import ProtocolError, beyond_rate
from live.messages.rooms import RoomClose, RoomOpen
from live.messages.server import ErrorMessage, ExplanationMessage, Pong, PredictionMessage, SessionUpdated
from live.socket.session import TypingSession
from live.watching.sharing import Sharing
from model_core.engine import Engine
from model_core.explain import MAX_PASSES

Answer = PredictionMessage | ExplanationMessage | ErrorMessage


class ClassifyConsumer(AdmittedConsumer):
    """One typist."""

    _session: TypingSession | None = None
    _sharing: Sharing

    async def begin(self, engine: Engine) -> None:
        """Have texts rated from now on."""
        self._session = TypingSession(engine, self._answer)
        self._sharing = Sharing(self.tell, self.address, self.limits)

    @property
    def is_busy(self) -> bool:
        """Whether a text is being rated or waits."""
        return self._session is not None and self._session.is_busy

    async def take(self, frame: str | None) -> None:
        """Take one frame: store the text, and return."""
        if self._session is not None:
            await self._handle(self._read(frame, self._session), self._session, self._sharing)

    async def finish(self, within_s: float) -> None:
        """Answer the newest text, within a time."""
        if self._session is not None:
            await self._session.finish(within_s)

    async def end(self) -> None:
        """Stop rating."""
        await super().end()
        if self._session is not None:
            self._sharing.leave()
            await self._session.close()

    async def _answer(self, message: Answer) -> None:
        await self.tell(message)
        if isinstance(message, PredictionMessage):
            self._sharing.rated(message)

    def _read(self, frame: str | None, session: TypingSession) -> ClientMessage:
        try:
            if frame is None:
                raise ProtocolError("binary_not_supported", "send JSON in text frames")
            message = parse_client_message(frame, self.limits)
        except ProtocolError as error:
            self.spend()
            if error.seq is not None:
                session.refuse(error.seq)
            raise
        self.understood()
        has_work = isinstance(message, Explain) and session.is_new_to_explain(message.seq)
        if wait_s := self.spend(MAX_PASSES if has_work else 1):
            seq = message.seq if isinstance(message, TextUpdate) else None
            if seq is not None:
                session.refuse(seq)
            raise beyond_rate("too many messages; slow down", wait_s, seq)
        return message

    async def _handle(self, message: ClientMessage, session: TypingSession, sharing: Sharing) -> None:
        match message:
            case TextUpdate():
                session.update(message)
                sharing.typed(message)
            case Flush():
                await session.flush()
            case Explain(seq=seq):
                session.explain(seq)
            case SessionUpdate(session=options):
                session.choose(options)
                await self.tell(SessionUpdated(session=session.options))
            case Cancel():
                session.cancel()
            case Ping(id=ping_id):
                await self.tell(Pong(id=ping_id))
            case RoomOpen(secret=secret):
                await sharing.open(secret)
            case RoomClose():
                await sharing.close()
            case Close():
                await sharing.close()
                await self.close(CLOSE_ASKED_FOR)


class UnknownPathConsumer(SocketConsumer):
    """Says so on any other path, where Channels would log a traceback."""

    async def connect(self) -> None:
        """Accept, say what is wrong, close."""
        await self.accept_offered()
        await self.refuse(ProtocolError("unknown_path", "the path of this service is /ws/v1/classify/"))

"""One open connection. Sends one text at a time, so that each is answered."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from starcast_client.errors import IncompatibleServer, SilentServer, Superseded, TextRefused
from starcast_client.messages import (
    SUBPROTOCOL,
    Closing,
    ErrorInfo,
    Explained,
    Explanation,
    LiveRating,
    ModelChanged,
    Prediction,
    ServerMessage,
    Session,
    as_unicode,
    encode,
    parse,
)
from starcast_client.plurals import counted

PONG_TIMEOUT_S: Final = 5.0
CLOSING_TIMEOUT_S: Final = 10.0

# Errors without ``seq`` that refer to the last message; other such errors refer to the connection.
_OF_A_MESSAGE: Final = frozenset({
    "bad_json", "bad_request", "unknown_type", "binary_not_supported", "too_large", "text_too_long", "rate_limited",
})  # fmt: skip


class Conversation:
    """The exchange over one connection. ``read`` must be running while the other methods wait."""

    def __init__(
        self, connection: ClientConnection, session: Session, seqs: Iterator[int], on_model: Callable[[Session], None]
    ) -> None:
        self.session = session
        self.closing: Closing | None = None
        self.is_proven = False
        """Whether the server has answered anything after its greeting."""
        self.last_error: ErrorInfo | None = None
        """The last error without ``seq``: the reason of a close, if one follows."""
        self._connection = connection
        self._seqs = seqs
        self._on_model = on_model
        self._rated: LiveRating | None = None
        self._seq = 0
        self._wants_final = False
        self._answer: asyncio.Future[Prediction | Explained] | None = None

    async def rate(self, text: str, is_final: bool = False) -> LiveRating:
        """Rate one text. Raises TextRefused, also for retryable errors."""
        text = as_unicode(text)
        frames = []
        if not (is_final and self._knows(text)):
            self._rated = None
            self._seq = next(self._seqs)
            frames.append(encode("text.update", seq=self._seq, text=text))
            self._check(text, frames[0])
        if is_final:
            frames.append(encode("flush", seq=self._seq))
        answer = await self._ask(*frames, is_final=is_final)
        if not isinstance(answer, Prediction):
            raise IncompatibleServer(f"an explanation came where the rating of text {self._seq} was due")
        self._rated = answer.of(text, self.session.labels)
        return self._rated

    async def explain(self, text: str) -> Explanation:
        """Explain a text, after rating it if the server has not. Raises TextRefused."""
        text = as_unicode(text)
        if not self._knows(text):
            await self.rate(text)
        answer = await self._ask(encode("explain", seq=self._seq))
        if not isinstance(answer, Explained):
            raise IncompatibleServer(f"a rating came where the explanation of text {self._seq} was due")
        return answer.of(text)

    async def choose(self, min_interval_ms: int) -> None:
        """Set the minimum time between two ratings."""
        await self._send(encode("session.update", session={"min_interval_ms": min_interval_ms}))

    def give_up(self) -> None:
        """Make the pending call raise Superseded."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Superseded("the text was taken back"))

    async def cancel(self) -> None:
        """Cancel what was given up. Answers already on their way are ignored."""
        self._rated = None
        await self._send(encode("cancel"))

    async def read(self) -> None:
        """Process messages until the connection ends. Raises SilentServer, IncompatibleServer."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self._receive(await self._next_message())

    async def _next_message(self) -> ServerMessage | None:
        if self.closing is not None:
            return await self._message_within(CLOSING_TIMEOUT_S)
        try:
            return await self._message_within(self.session.heartbeat_interval_ms / 1000)
        except SilentServer:
            await self._send(encode("ping"))
            return await self._message_within(PONG_TIMEOUT_S)

    async def _message_within(self, timeout_s: float) -> ServerMessage | None:
        return await receive_message(self._connection, timeout_s)

    def _receive(self, message: ServerMessage | None) -> None:
        if isinstance(message, ErrorInfo):
            self._take_error(message)
            return
        self.is_proven = True
        self.last_error = None
        match message:
            case Closing():
                self.closing = message
            case ModelChanged():
                # Ratings before it have other labels.
                self._rated = None
                self.session = replace(
                    self.session,
                    labels=message.labels,
                    values=message.values,
                    prior=message.prior,
                    model=message.model,
                    states=message.states,
                )
                self._on_model(self.session)
            case Prediction():
                if message.seq == self._seq and (message.content["is_final"] or not self._wants_final):
                    self._settle(message)
            case Explained():
                if message.seq == self._seq:
                    self._settle(message)

    def _take_error(self, error: ErrorInfo) -> None:
        is_of_the_text = error.seq == self._seq or (error.seq is None and error.code in _OF_A_MESSAGE)
        if is_of_the_text and self._answer is not None and not self._answer.done():
            self._answer.set_exception(TextRefused(error))
        if error.seq is None:
            self.last_error = error

    def _settle(self, answer: Prediction | Explained) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    async def _ask(self, *frames: str, is_final: bool = False) -> Prediction | Explained:
        self._wants_final = is_final
        self._answer = asyncio.get_running_loop().create_future()
        for frame in frames:
            await self._send(frame)
        return await self._answer

    def _knows(self, text: str) -> bool:
        return self._rated is not None and self._rated.text == text

    def _check(self, text: str, frame: str) -> None:
        """Check limits here: a frame that is too large would end the connection without an explanation."""
        limits = self.session.limits
        if limits.max_chars is not None and len(text) > limits.max_chars:
            message = f"a text may have {counted(limits.max_chars, 'character')}, not {len(text):,}"
            raise TextRefused(ErrorInfo("text_too_long", False, message, "text", self._seq))
        if limits.max_message_bytes is not None and len(frame.encode()) > limits.max_message_bytes:
            message = f"a message may have {counted(limits.max_message_bytes, 'byte')}"
            raise TextRefused(ErrorInfo("too_large", False, message, "text", self._seq))

    async def _send(self, frame: str) -> None:
        # ``read`` notices a lost connection.
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(frame)


async def receive_message(connection: ClientConnection, timeout_s: float) -> ServerMessage | None:
    """Wait for one message. Raises SilentServer, IncompatibleServer, and ConnectionClosed of websockets."""
    try:
        async with asyncio.timeout(timeout_s):
            frame = await connection.recv()
    except TimeoutError:
        raise SilentServer(f"the server kept silent for {timeout_s:g} s") from None
    try:
        return parse(frame)
    except ValueError as error:
        raise IncompatibleServer(f"the server does not speak {SUBPROTOCOL}: {error}") from error

"""The asyncio client: reconnects, and always sends the newest text."""

import asyncio
import contextlib
import enum
import itertools
import logging
import math
import os
import random
import ssl as tls
from asyncio import sleep
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidHandshake, InvalidStatus

from starcast_client.bulk import BulkClient
from starcast_client.connecting import (
    PATIENCE_S,
    UNUSABLE,
    GetToken,
    Options,
    Server,
    explained,
    greeting,
    one_of,
    refusal_by_close,
    refusal_by_status,
    retry_after_ms,
    silence,
    socket_url,
    tls_context,
)
from starcast_client.conversation import Conversation
from starcast_client.errors import ClientClosed, ConnectionFailed, StarcastError, Superseded, TextRefused
from starcast_client.line import Line, Request, Want
from starcast_client.messages import Closing, ErrorInfo, Explanation, LiveRating, Rating, Session, check_text
from starcast_client.plurals import counted

_Result = TypeVar("_Result")
_logger: Final = logging.getLogger("starcast_client")


class State(enum.StrEnum):
    """State of the connection."""

    CONNECTING = "connecting"
    OPEN = "open"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


class AsyncClient:
    """Rates texts over one WebSocket. Use it as ``async with AsyncClient(url) as client``.

    ``url`` is ``ws://``, ``wss://``, ``http://`` or ``https://``; the default path is the server's. ``api_key`` is sent
    as ``Authorization: Bearer``. ``token`` is called before every connection for a new short-lived token; it may
    block, or return an awaitable. ``cafile`` names a PEM file with the only CAs to trust; ``ssl`` is a context instead.
    ``on_state`` is called at every change of ``state`` or ``trouble``. Raises ValueError for an invalid URL or
    ``cafile``. Once per outage, the logger ``starcast_client`` warns that there is no connection.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        token: GetToken | None = None,
        options: Options | None = None,
        ssl: tls.SSLContext | None = None,
        cafile: str | os.PathLike[str] | None = None,
        proxy: str | Literal[True] | None = True,
        on_state: Callable[[State], None] | None = None,
    ) -> None:
        self.state = State.CONNECTING
        self.trouble: str | None = None
        """Why the last connection or try to connect failed; None while connected."""
        self.session: Session | None = None
        """The greeting of the current or the last connection, with the model that rates now."""
        one_of(api_key, token)
        self._server = Server(socket_url(url), api_key, token, tls_context(ssl, cafile), proxy)
        self._options = options or Options()
        self._on_state = on_state
        self._line = Line()
        self._seqs = itertools.count(1)
        self._attempts = 0
        self._has_warned = False
        """Whether the log has this outage."""
        self._retry_after_ms = 0
        self._conversation: Conversation | None = None
        self._under_way: Request | None = None
        self._answered_at = 0.0
        """When a server last answered, or the client was started."""
        self._outcome: LiveRating | TextRefused | None = None
        self._outcomes = 0
        self._news = asyncio.Event()
        self._end: StarcastError | None = None
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._answered_at = asyncio.get_running_loop().time()
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection. Pending calls raise ClientClosed; iterations over ``predictions`` end."""
        if self._running is not None:
            self._running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._running
        self._finish(ClientClosed("the client is closed"))

    async def connected(self) -> Session:
        """Wait for the connection. Raises Refused, IncompatibleServer, ConnectionFailed, ClientClosed."""
        return await self._unless_out(asyncio.create_task(self._opened()))

    def update(self, text: str) -> None:
        """Set the whole text so far, and return at once. Replaces an earlier text that was not sent yet.

        Raises the error that ended the client, if it has ended; TypeError for what is no text.
        """
        check_text(text)
        self._check_usable()
        self._line.typed(text)

    def cancel(self) -> None:
        """Cancel the text of ``update`` if it is not rated yet, with its pending ``flush`` and ``explain``.

        It gets no rating and is not sent again; pending calls raise Cancelled. Texts of ``rate`` are not affected.
        Raises the error that ended the client, if it has ended.
        """
        self._check_usable()
        self._line.cancel()
        if self._under_way is not None:
            self._under_way.take_back()
            if self._under_way.taken_back and self._conversation is not None:
                self._conversation.give_up()

    async def predictions(self) -> AsyncIterator[LiveRating]:
        """Iterate over ratings, each of a newer text than the last. A slow reader gets only the newest.

        Raises TextRefused for a text of ``update`` that the server will not rate; call it again to continue. Raises the
        error that ended the client, and stops after ``close``.
        """
        seen = 0 if isinstance(self._outcome, LiveRating) else self._outcomes
        while True:
            if self._outcomes > seen:
                seen = self._outcomes
                if isinstance(self._outcome, TextRefused):
                    raise self._outcome
                if self._outcome is not None:
                    yield self._outcome
            elif isinstance(self._end, ClientClosed):
                return
            else:
                self._check_usable()
                await self._news.wait()

    async def rate(self, text: str) -> LiveRating:
        """Rate this text, whatever is typed meanwhile.

        Raises TextRefused, ConnectionFailed if no server answers for ``outage_timeout_s``, and the error that ended the
        client; TypeError for what is no text.
        """
        check_text(text)
        self._check_usable()
        rating: LiveRating = await self._unless_out(self._line.ask(text, Want.RATING))
        return rating

    async def flush(self) -> LiveRating:
        """Finish the newest text and return its final rating. Raises NoText, Cancelled, and the errors of ``rate``."""
        self._check_usable()
        rating: LiveRating = await self._unless_out(self._line.ask_newest(Want.FINAL))
        return rating

    async def explain(self) -> Explanation:
        """Explain the rating of the newest text.

        Raises Superseded if a newer text comes first, NoText, Cancelled, and the errors of ``rate``.
        """
        self._check_usable()
        explanation: Explanation = await self._unless_out(self._line.ask_newest(Want.EXPLANATION))
        return explanation

    async def rate_many(self, texts: Iterable[str], requests: int = 2) -> AsyncIterator[Rating | ErrorInfo]:
        """Rate many texts over HTTP, in batches; see ``BulkClient``.

        Yields a rating for each text in order, or the error of one that the server does not rate.
        """
        server, patience_s = self._server, self._options.outage_timeout_s
        async with BulkClient(
            server.url,
            api_key=server.api_key,
            requests=requests,
            patience_s=math.inf if patience_s is None else patience_s,
            ssl=server.ssl,
            proxy=server.proxy,
        ) as client:
            async for result in client.rate_many(texts):
                yield result

    async def _opened(self) -> Session:
        while self.state is not State.OPEN or self.session is None:
            self._check_usable()
            await self._news.wait()
        return self.session

    async def _unless_out(self, waiter: asyncio.Future[_Result]) -> _Result:
        """Await an answer unless the outage lasts too long. Raises ConnectionFailed."""
        clock, limit_s = asyncio.get_running_loop(), self._options.outage_timeout_s
        asked_at = clock.time()
        try:
            while not waiter.done():
                out_since = self._out_since()
                if limit_s is None:
                    left_s = None
                elif out_since is None:
                    left_s = limit_s
                elif (left_s := max(asked_at, out_since) + limit_s - clock.time()) <= 0:
                    trouble = self.trouble or "the server keeps silent"
                    raise ConnectionFailed(f"no answer from {self._server.url} for {limit_s:g} s: {trouble}")
                await asyncio.wait({waiter}, timeout=left_s)
            return waiter.result()
        finally:
            waiter.cancel()

    def _out_since(self) -> float | None:
        """Return since when no server has answered; None if one does."""
        is_answering = self._conversation is not None and self._conversation.is_proven
        return None if is_answering else self._answered_at

    async def _run(self) -> None:
        try:
            while True:
                await self._connect_once()
                await sleep(self._pause_s())
        except StarcastError as error:
            self._finish(error)
        except BaseException:
            self._finish(ClientClosed("the client is closed"))
            raise

    async def _connect_once(self) -> None:
        """Serve one connection until it ends. Returns if reconnecting may help, else raises StarcastError."""
        trouble = "the connection was lost"
        refusal: StarcastError | None = None
        self._attempts += 1
        self._retry_after_ms = 0
        slow = asyncio.get_running_loop().call_later(PATIENCE_S, self._note_slow_try)
        try:
            bearer = await self._server.bearer(self._options.connect_timeout_s)
            async with contextlib.AsyncExitStack() as stack:
                try:
                    connection = await stack.enter_async_context(
                        self._server.connect(self._options.connect_timeout_s, bearer)
                    )
                except OSError:  # A certificate that is not trusted is a ValueError, too.
                    raise
                except UNUSABLE as error:
                    raise ConnectionFailed(f"no connection to {self._server.url}: {error}") from error
                last_error = await self._serve(connection)
            trouble = str(last_error or trouble)
            refusal = refusal_by_close(connection, last_error)
        except InvalidStatus as error:
            trouble, refusal = explained(error), refusal_by_status(error)
            # Of a proxy, which does not know how soon the server is back.
            asked_ms = retry_after_ms(error.response.headers) or 0
            self._retry_after_ms = min(asked_ms, int(self._options.backoff_cap_s * 1000))
        except (OSError, InvalidHandshake) as error:
            trouble = explained(error)
        finally:
            slow.cancel()
        if refusal is not None:
            raise refusal
        limit = self._options.max_connect_attempts
        if limit is not None and self._attempts >= limit:
            raise ConnectionFailed(f"no connection to {self._server.url} in {counted(limit, 'attempt')}: {trouble}")
        if self.state is not State.OPEN:
            # A connection that was open is often back at the next try.
            self._warn(trouble)
        self._set_state(State.RECONNECTING, trouble)

    def _note_slow_try(self) -> None:
        if self.state is not State.OPEN:
            trouble = self.trouble or silence(self._server.url, PATIENCE_S)
            self._warn(trouble)
            self._set_state(self.state, trouble)

    def _warn(self, trouble: str) -> None:
        if not self._has_warned:
            _logger.warning("no connection to %s: %s; trying again", self._server.url, trouble)
        self._has_warned = True

    async def _serve(self, connection: ClientConnection) -> ErrorInfo | None:
        """Work on one connection until it ends. Return the error that the server gave as the reason, if any."""
        session = await greeting(connection, self._options.connect_timeout_s)
        if not isinstance(session, Session):
            self._wait_as_told(session)
            return session if isinstance(session, ErrorInfo) else None
        self.session = session
        self._has_warned = False
        self._set_state(State.OPEN)
        self._line.renew()
        conversation = self._conversation = Conversation(connection, session, self._seqs, self._change_model)
        if self._options.min_interval_ms:
            await conversation.choose(self._options.min_interval_ms)
        tasks = [asyncio.create_task(conversation.read()), asyncio.create_task(self._work(conversation))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._conversation = None
            if conversation.is_proven:
                self._attempts = 0
                self._answered_at = asyncio.get_running_loop().time()
            self._wait_as_told(conversation.closing or conversation.last_error)
        return conversation.last_error

    def _change_model(self, session: Session) -> None:
        """Have the newest text rated by the new model."""
        self.session = session
        self._line.renew()
        self._wake()

    def _wait_as_told(self, last_word: Closing | ErrorInfo | None) -> None:
        self._retry_after_ms = (last_word and last_word.retry_after_ms) or 0

    async def _work(self, conversation: Conversation) -> None:
        while True:
            request = await self._line.take()
            if conversation.closing is not None:
                # The server is shutting down: leave for another.
                self._line.put_back(request)
                return
            self._under_way = request
            try:
                async with asyncio.timeout(self._options.answer_timeout_s + self._options.min_interval_ms / 1000):
                    answer = await self._perform(conversation, request)
            except TextRefused as error:
                await self._refused(request, error)
            except Superseded as error:
                if request.taken_back:
                    await conversation.cancel()
                _fail(request, error)
            except BaseException:
                # The connection has ended; the next one will answer.
                self._line.put_back(request)
                raise
            else:
                if isinstance(answer, LiveRating) and not request.taken_back:
                    self._publish(answer)
                if request.waiter is not None and not request.waiter.done():
                    request.waiter.set_result(answer)

    async def _perform(self, conversation: Conversation, request: Request) -> LiveRating | Explanation:
        match request.want:
            case Want.EXPLANATION:
                newer = self._line.wait_newer(request.text)
                return await _unless_superseded(conversation.explain(request.text), newer)
            case want:
                return await conversation.rate(request.text, is_final=want is Want.FINAL)

    async def _refused(self, request: Request, error: TextRefused) -> None:
        options = self._options
        is_awaited = request.waiter is not None
        if error.info.retryable and not (is_awaited and request.failures >= options.max_retries):
            bound_s = min(options.retry_cap_s, options.retry_first_s * 2 ** min(request.failures, 30))
            request.failures += 1
            pause_s = bound_s * random.uniform(0.5, 1)  # noqa: S311 - chance, not secrecy
            try:
                await sleep(max(pause_s, (error.info.retry_after_ms or 0) / 1000))
            finally:
                self._line.put_back(request)
            return
        if request.want is not Want.EXPLANATION:
            self._line.forget(request.text)
        _fail(request, error)
        if not is_awaited:
            self._publish(error)

    def _pause_s(self) -> float:
        # Full jitter: clients that were disconnected together should not reconnect together.
        doublings = min(max(self._attempts - 1, 0), 30)
        bound_s = min(self._options.backoff_cap_s, self._options.backoff_first_s * 2**doublings)
        return self._retry_after_ms / 1000 + random.uniform(0, bound_s)  # noqa: S311 - chance, not secrecy

    def _check_usable(self) -> None:
        if self._end is not None:
            raise self._end
        if self._running is None:
            raise ClientClosed("use the client as a context: async with AsyncClient(url) as client")

    def _finish(self, error: StarcastError) -> None:
        if self._end is None or isinstance(error, ClientClosed):
            self._end = error
        self._line.fail(self._end)
        self._set_state(State.CLOSED)

    def _publish(self, outcome: LiveRating | TextRefused) -> None:
        self._outcome = outcome
        self._outcomes += 1
        self._wake()

    def _set_state(self, state: State, trouble: str | None = None) -> None:
        if (state, trouble) != (self.state, self.trouble):
            self.state, self.trouble = state, trouble
            if self._on_state is not None:
                self._on_state(state)
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


async def _unless_superseded(
    explaining: Coroutine[Any, Any, Explanation], newer_text: Coroutine[Any, Any, None]
) -> Explanation:
    """Await an explanation, unless a newer text comes first. Raises Superseded."""
    explanation, newer = asyncio.create_task(explaining), asyncio.create_task(newer_text)
    try:
        await asyncio.wait({explanation, newer}, return_when=asyncio.FIRST_COMPLETED)
        if not explanation.done():
            raise Superseded("a newer text came before the explanation")
        return explanation.result()
    finally:
        for task in (explanation, newer):
            task.cancel()
        await asyncio.gather(explanation, newer, return_exceptions=True)


def _fail(request: Request, error: StarcastError) -> None:
    if request.waiter is not None and not request.waiter.done():
        request.waiter.set_exception(error)

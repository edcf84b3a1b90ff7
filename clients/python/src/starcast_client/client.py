"""The client without asyncio: runs the asynchronous one in a thread."""

import asyncio
import concurrent.futures
import contextlib
import os
import ssl as tls
import threading
from collections.abc import Coroutine, Iterable, Iterator
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from starcast_client.async_client import AsyncClient, State
from starcast_client.connecting import GetToken, Options, one_of, socket_url, tls_context
from starcast_client.errors import ClientClosed
from starcast_client.messages import ErrorInfo, Explanation, LiveRating, Rating, Session

_Result = TypeVar("_Result")


class Client:
    """Rates texts over one WebSocket. Use it as ``with Client(url) as client``. Thread-safe.

    Takes the arguments of ``AsyncClient``, and raises the same errors. Methods raise TimeoutError after ``timeout_s``.
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
    ) -> None:
        socket_url(url)
        one_of(api_key, token)
        context = tls_context(ssl, cafile)
        self._arguments: dict[str, Any] = {
            "api_key": api_key,
            "token": token,
            "options": options,
            "ssl": context,
            "proxy": proxy,
        }
        self._url = url
        # Held while the loop is looked up and asked: a call that reached one about to stop would wait for ever.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._client: AsyncClient | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="starcast-client", daemon=True)
        self._thread.start()
        self._client = self._run(self._enter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. Pending calls raise ClientClosed."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None or self._thread is None or self._client is None:
            return
        # Calls before this one have their tasks by then, and end with the client.
        asyncio.run_coroutine_threadsafe(_end_all(self._client), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        self._thread.join()
        loop.close()

    @property
    def trouble(self) -> str | None:
        """Why the last connection or try to connect failed; None while connected."""
        return None if self._loop is None else self._open_client.trouble

    @property
    def session(self) -> Session | None:
        """The greeting of the current or the last connection, with the model that rates now."""
        return None if self._client is None else self._client.session

    @property
    def state(self) -> State:
        """State of the connection."""
        return State.CLOSED if self._loop is None else self._open_client.state

    def connected(self, timeout_s: float | None = None) -> Session:
        """Wait for the connection."""
        return self._run(self._open_client.connected(), timeout_s)

    def update(self, text: str) -> None:
        """Set the whole text so far, and return at once. Replaces an earlier text that was not sent yet."""
        # Takes microseconds; an error that ended the client is raised here, in the caller's thread.
        self._run(self._update(text))

    def cancel(self) -> None:
        """Cancel the text of ``update`` if it is not rated yet, with its pending ``flush`` and ``explain``."""
        self._run(self._cancel())

    def predictions(self) -> Iterator[LiveRating]:
        """Iterate over ratings until ``close``, each of a newer text. A slow reader gets only the newest."""
        iterator = self._open_client.predictions()

        async def following() -> LiveRating | None:
            return await anext(iterator, None)

        with contextlib.suppress(ClientClosed):
            while (rating := self._run(following())) is not None:
                yield rating

    def rate(self, text: str, timeout_s: float | None = None) -> LiveRating:
        """Rate this text, whatever is typed meanwhile."""
        return self._run(self._open_client.rate(text), timeout_s)

    def rate_many(self, texts: Iterable[str], requests: int = 2) -> Iterator[Rating | ErrorInfo]:
        """Rate many texts over HTTP, in batches; see ``BulkClient``.

        Yields a rating for each text in order, or the error of one that the server does not rate. ``texts`` is iterated
        over in the thread of the client.
        """
        iterator = self._open_client.rate_many(texts, requests)

        async def following() -> Rating | ErrorInfo | None:
            return await anext(iterator, None)

        while (result := self._run(following())) is not None:
            yield result

    def flush(self, timeout_s: float | None = None) -> LiveRating:
        """Finish the newest text and return its final rating."""
        return self._run(self._open_client.flush(), timeout_s)

    def explain(self, timeout_s: float | None = None) -> Explanation:
        """Explain the rating of the newest text."""
        return self._run(self._open_client.explain(), timeout_s)

    @property
    def _open_client(self) -> AsyncClient:
        if self._client is None:
            raise ClientClosed("use the client as a context: with Client(url) as client")
        return self._client

    async def _enter(self) -> AsyncClient:
        return await AsyncClient(self._url, **self._arguments).__aenter__()

    async def _update(self, text: str) -> None:
        self._open_client.update(text)

    async def _cancel(self) -> None:
        self._open_client.cancel()

    def _run(self, work: Coroutine[Any, Any, _Result], timeout_s: float | None = None) -> _Result:
        with self._lock:
            if self._loop is None:
                work.close()
                raise ClientClosed("the client is closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except concurrent.futures.CancelledError:
            raise ClientClosed("the client is closed") from None
        finally:
            # After a timeout or Ctrl-C the answer is not needed.
            future.cancel()


async def _end_all(client: AsyncClient) -> None:
    await client.close()
    # Pending calls of other threads must end before the loop stops.
    others = asyncio.all_tasks() - {asyncio.current_task()}
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()

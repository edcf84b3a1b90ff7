"""Rates many texts over HTTP: in batches of texts of a length, some at a time, as fast as the server allows."""

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
import os
import random
import ssl as tls
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Literal, Self

import httpx

from starcast_client.connecting import (
    PATIENCE_S,
    explained,
    http_url,
    is_transient,
    retry_after_ms,
    silence,
    socket_url,
    tls_context,
)
from starcast_client.errors import ConnectionFailed, IncompatibleServer, Refused
from starcast_client.messages import (
    LABELS,
    ErrorInfo,
    Label,
    Rating,
    as_unicode,
    check_text,
    error_info,
    labels_of,
    rating_fields,
    values_of,
)
from starcast_client.plurals import counted

_logger = logging.getLogger("starcast_client")
sleep = asyncio.sleep

_WINDOW_TEXTS: Final = 512
"""Texts that are sorted by length together: batches of one length waste no work on padding."""
_FIRST_PAUSE_S: Final = 0.4
_LONGEST_PAUSE_S: Final = 8.0
_CONNECT_TIMEOUT_S: Final = 10.0
_ANSWER_TIMEOUT_S: Final = 120.0
_SLOW_ANSWER_S: Final = 10.0
"""A batch may take so long, on a busy server. Then the user is told, and not before is a server given up."""
_JSON_BYTES_A_TEXT: Final = 4
"""Quotes and comma between two texts of a request."""

Result = Rating | ErrorInfo


class BulkClient:
    """Rates many texts over HTTP. Use it as ``async with BulkClient(url) as client``.

    Sends ``requests`` batches at a time. Gives up after ``patience_s`` without a rating. Raises ValueError for an
    invalid URL or ``cafile``, ConnectionFailed for a proxy that it cannot use.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        requests: int = 2,
        patience_s: float = 60.0,
        ssl: tls.SSLContext | None = None,
        cafile: str | os.PathLike[str] | None = None,
        proxy: str | Literal[True] | None = True,
    ) -> None:
        self._url = http_url(socket_url(url), "/api/v1/")
        trust = tls_context(ssl, cafile)
        answer_timeout_s = max(_SLOW_ANSWER_S, min(patience_s, _ANSWER_TIMEOUT_S))
        try:
            self._http = httpx.AsyncClient(
                base_url=self._url,
                headers={"Authorization": f"Bearer {api_key}"} if api_key else None,
                verify=trust or True,
                timeout=httpx.Timeout(answer_timeout_s, connect=_CONNECT_TIMEOUT_S),
                proxy=proxy if isinstance(proxy, str) else None,
                trust_env=proxy is True,
                # A key, and trust in a CA, are for the URL that the user gave.
                follow_redirects=False,
            )
        except (httpx.InvalidURL, ValueError, ImportError) as error:
            raise ConnectionFailed(f"no connection to {self._url}: {error}") from error
        self._requests = requests
        self._patience_s = patience_s
        self._places = asyncio.Semaphore(requests)
        self._places_taken = 0
        self._answered_at = 0.0
        """When the server last answered, or was asked after a pause."""
        self._has_warned = False
        self._windows: set[asyncio.Task[list[Result]]] = set()
        """Texts that are being rated. An iteration that one left has some, too."""
        self._limits: dict[str, int] = {}
        self.labels: tuple[Label, ...] = LABELS
        """What each probability is for."""
        self.values: tuple[float, ...] | None = LABELS
        """The number that each label stands for; None where labels have none."""
        self.has_sides = True
        """Whether there is a positive side, as of films."""
        self.model_version = ""
        """Version of the server's model when the client was opened."""

    async def __aenter__(self) -> Self:
        """Ask for the model and the limits. Raises ConnectionFailed, Refused, IncompatibleServer."""
        await self._http.__aenter__()
        try:
            self._answered_at = asyncio.get_running_loop().time()
            content = await self._ask("GET", "model")
            if isinstance(content, ErrorInfo):
                raise ConnectionFailed(f"{self._url} does not rate: {content}")
            self._limits = dict(content["limits"])
            self.labels, self.values = labels_of(content), values_of(content)
            self.has_sides = content.get("task", "ratings") == "ratings"
            self.model_version = content["model"]["version"]
        except (KeyError, TypeError, ValueError) as error:
            await self._http.aclose()
            raise self._incompatible() from error
        except BaseException:
            await self._http.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._windows:
            task.cancel()
        await asyncio.gather(*self._windows, return_exceptions=True)
        await self._http.__aexit__(kind, error, trace)

    async def rate_many(self, texts: Iterable[str]) -> AsyncIterator[Result]:
        """Yield a rating of each text in order, or the error of one that the server does not rate.

        Takes about 1,000 texts from ``texts`` ahead of what it has yielded. Raises ConnectionFailed, Refused,
        IncompatibleServer; TypeError for one text in place of several, and for what is no text.
        """
        if isinstance(texts, str):
            raise TypeError("rate_many takes several texts: put one into a list")
        rest = iter(texts)
        windows: deque[asyncio.Task[list[Result]]] = deque()
        while True:
            while len(windows) < 2 and (window := list(itertools.islice(rest, _WINDOW_TEXTS))):
                windows.append(asyncio.create_task(self._rate_window(window)))
                self._windows.add(windows[-1])
            if not windows:
                return
            for result in await windows[0]:
                yield result
            self._windows.discard(windows.popleft())

    async def _rate_window(self, window: Sequence[str]) -> list[Result]:
        results: list[Result | None] = [self._refusal(text) for text in window]
        batches = self._batches(window, [place for place, refusal in enumerate(results) if refusal is None])
        tasks = [asyncio.create_task(self._rate_batch(window, batch, results)) for batch in batches]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [result for result in results if result is not None]

    async def _rate_batch(self, window: Sequence[str], batch: Sequence[int], results: list[Result | None]) -> None:
        async with self._place():
            pauses = _pauses()
            while batch:
                body = json.dumps({"texts": [as_unicode(window[place]) for place in batch]}, ensure_ascii=False)
                content = await self._ask("POST", "predict/batch", body.encode())
                again: list[int] = []
                pause_s = next(pauses)
                for place, result in zip(
                    batch, self._results(content, [window[place] for place in batch]), strict=True
                ):
                    if isinstance(result, ErrorInfo) and result.retryable and not self._has_waited_enough():
                        again.append(place)
                        pause_s = max(pause_s, (result.retry_after_ms or 0) / 1000)
                    else:
                        results[place] = result
                        self._answered_at = asyncio.get_running_loop().time()
                batch = again
                if batch:
                    await sleep(pause_s)

    @contextlib.asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Wait for a place, and take it. While none was taken, nothing was asked, so the server could not answer."""
        async with self._places:
            if not self._places_taken:
                self._answered_at = asyncio.get_running_loop().time()
            self._places_taken += 1
            try:
                yield
            finally:
                self._places_taken -= 1

    def _refusal(self, text: str) -> ErrorInfo | None:
        """Return the error of a text that is too long for the server, which may not read the whole request.

        Raises TypeError.
        """
        check_text(text)
        most_chars = self._limits.get("max_chars")
        if most_chars is None or len(text) <= most_chars:
            return None
        message = f"a text may have {counted(most_chars, 'character')}, not {len(text):,}"
        return ErrorInfo("text_too_long", retryable=False, message=message, param="text")

    def _batches(self, window: Sequence[str], places: Sequence[int]) -> Iterable[Sequence[int]]:
        """Yield the places of the texts that go into one request, shortest first."""
        most_texts = self._limits.get("max_texts", 1)
        most_bytes = self._limits.get("max_body_bytes", 65_536) // 2
        batch: list[int] = []
        size = 0
        for place in sorted(places, key=lambda place: len(window[place])):
            bytes_ = len(json.dumps(as_unicode(window[place]), ensure_ascii=False).encode()) + _JSON_BYTES_A_TEXT
            if batch and (len(batch) == most_texts or size + bytes_ > most_bytes):
                yield batch
                batch, size = [], 0
            batch.append(place)
            size += bytes_
        if batch:
            yield batch

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> Any:
        """Return the JSON of an answer, or the ErrorInfo of a server that is busy for longer than the patience."""
        pauses = _pauses()
        while True:
            pause_s = next(pauses)
            try:
                content = await self._try(method, path, body)
            except (httpx.TransportError, OSError) as error:
                cause = _cause_of(error)
                trouble = explained(cause)
                if isinstance(cause, tls.SSLError):
                    # No waiting helps against a wrong certificate or URL.
                    raise ConnectionFailed(f"no connection to {self._url}: {trouble}") from error
                if self._has_waited_enough():
                    raise ConnectionFailed(
                        f"no answer from {self._url} for {self._patience_s:g} s: {trouble}"
                    ) from error
                self._warn(f"no connection to {self._url}: {trouble}; trying again")
            else:
                if not isinstance(content, ErrorInfo) or self._has_waited_enough():
                    self._has_warned = False
                    return content
                self._warn(f"{self._url} is busy ({content}); waiting")
                asked_s = (content.retry_after_ms or 0) / 1000
                pause_s = max(pause_s, min(asked_s, self._patience_left_s()))
            await sleep(pause_s)

    async def _try(self, method: str, path: str, body: bytes | None) -> Any:
        """Return the JSON of an answer, or a retryable ErrorInfo. Raises TransportError, OSError, and final errors."""
        patience_s = PATIENCE_S if body is None else _SLOW_ANSWER_S
        slow = asyncio.get_running_loop().call_later(
            patience_s, self._warn, f"{self._url}: {silence(self._url, patience_s)}; waiting"
        )
        try:
            response = await self._http.request(
                method, path, content=body, headers={"Content-Type": "application/json"} if body is not None else None
            )
        finally:
            slow.cancel()
        if location := response.headers.get("Location"):
            raise Refused(response.status_code, reason=f"this URL leads to {location}; use the URL of Starcast itself")
        try:
            content = response.json()
            if response.is_success:
                return content
            info = error_info(content["error"])
        except (KeyError, TypeError, ValueError) as error:
            if is_transient(response.status_code):
                # Of a proxy.
                return ErrorInfo(
                    "internal",
                    retryable=True,
                    message=f"HTTP {response.status_code}",
                    retry_after_ms=retry_after_ms(response.headers),
                )
            raise self._incompatible(f"HTTP {response.status_code}") from error
        if info.retryable:
            return info
        raise Refused(response.status_code, info)

    def _results(self, content: Any, texts: Sequence[str]) -> Sequence[Result]:
        """Return one result a text. Raises IncompatibleServer."""
        if isinstance(content, ErrorInfo):
            return [content] * len(texts)
        try:
            answers = content["results"]
            return [self._result(text, answer) for text, answer in zip(texts, answers, strict=True)]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise self._incompatible("malformed ratings") from error

    def _result(self, text: str, answer: Mapping[str, Any]) -> Result:
        if "error" in answer:
            # Which of the texts of a request it was means nothing to who gave them one by one.
            return dataclasses.replace(error_info(answer["error"]), param="text")
        version = answer.get("model_version", self.model_version)
        rating = Rating(**rating_fields(answer), text=text, labels=self.labels, model_version=version)
        if rating.label not in self.labels or len(rating.probabilities) != len(self.labels):
            raise IncompatibleServer(f"{self._url} has a model with other labels now: start again")
        return rating

    def _patience_left_s(self) -> float:
        return max(0.0, self._answered_at + self._patience_s - asyncio.get_running_loop().time())

    def _has_waited_enough(self) -> bool:
        return not self._patience_left_s()

    def _warn(self, message: str) -> None:
        """Log what is wrong, once until the next answer."""
        if not self._has_warned:
            _logger.warning(message)
        self._has_warned = True

    def _incompatible(self, what: str = "no description of a model") -> IncompatibleServer:
        return IncompatibleServer(f"no Starcast is at {self._url}, or a proxy before it refuses: {what}")


def _pauses() -> Iterator[float]:
    """Random pauses, up to a bound that doubles."""
    bound_s = _FIRST_PAUSE_S
    while True:
        yield random.uniform(0, bound_s)  # noqa: S311 - chance, not secrecy
        bound_s = min(2 * bound_s, _LONGEST_PAUSE_S)


def _cause_of(error: Exception) -> Exception:
    """Return why a request failed: the error of the system below those of the HTTP libraries."""
    found, cause = error, error.__cause__ or error.__context__
    while cause is not None:
        if isinstance(cause, BaseExceptionGroup):
            # One error for each address of the host.
            cause = cause.exceptions[0]
        if isinstance(cause, OSError):
            found = cause
        cause = cause.__cause__ or cause.__context__
    return found

"""A client of a live Gradio interface that behaves like Gradio's own page, over HTTP.

The page sends a key at once if no request is running. Otherwise it waits for the answer and then sends the newest text
(``trigger_mode`` "always_last", which ``gr.Interface(live=True)`` and ``.change`` set). A request has two parts: it
joins the queue, then reads server-sent events until its own is complete and the server ends the stream.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any, Final

import h11

from benchmarks.peers.base import Answer

_FUNCTION: Final = 0
"""Index of the interface's live event."""
_READ_BYTES: Final = 65_536

_Event = h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]


class GradioConnection:
    """One page. Its requests share one kept-alive connection, as in a browser."""

    def __init__(self, host: str, port: int) -> None:
        self._http = _Http(host, port)
        self._session_hash = uuid.uuid4().hex[:11]
        self._newest: tuple[int, str] | None = None
        self._typed = asyncio.Event()

    async def send(self, seq: int, text: str) -> None:
        """Store the newest text; ``answers`` sends it when no request is running."""
        self._newest = seq, text
        self._typed.set()

    async def answers(self) -> AsyncIterator[Answer]:
        """Send one text at a time, always the newest, and yield whether it was rated."""
        while True:
            await self._typed.wait()
            self._typed.clear()
            if self._newest is not None:
                seq, text = self._newest
                yield Answer(seq, refused=not await self._rate(text))

    async def close(self) -> None:
        """Disconnect."""
        self._http.close()

    async def _rate(self, text: str) -> bool:
        body = {
            "data": [text],
            "event_data": None,
            "fn_index": _FUNCTION,
            "trigger_id": _FUNCTION,
            "session_hash": self._session_hash,
        }
        joined = b"".join([part async for part in self._http.request("POST", "/gradio_api/queue/join", body)])
        event_id = json.loads(joined).get("event_id")
        if event_id is None:
            return False
        rated = False
        stream = self._http.request("GET", f"/gradio_api/queue/data?session_hash={self._session_hash}")
        async for event in read_events(stream):
            if event["msg"] == "process_completed" and event["event_id"] == event_id:
                rated = bool(event["success"])
        return rated


async def read_events(stream: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Yield the JSON of each server-sent event of a byte stream, however it is chunked."""
    rest = b""
    async for part in stream:
        *whole, rest = (rest + part).split(b"\n\n")
        for event in whole:
            yield json.loads(event.removeprefix(b"data: "))


class _Http:
    """One HTTP/1.1 connection, opened on demand and reopened if the server has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._state = h11.Connection(h11.CLIENT)

    async def request(self, method: str, target: str, body: object = None) -> AsyncIterator[bytes]:
        """Send one request and yield its response body. Raises ConnectionError."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = [("Host", f"{self._host}:{self._port}"), ("Content-Length", str(len(content)))]
        request = h11.Request(method=method, target=target, headers=[*headers, ("Content-Type", "application/json")])
        event = await self._begin(request, content)
        while not isinstance(event, h11.EndOfMessage):
            if isinstance(event, h11.Data):
                yield bytes(event.data)
            event = await self._event()
        if self._state.our_state is h11.DONE and self._state.their_state is h11.DONE:
            self._state.start_next_cycle()
        else:
            self.close()

    async def _begin(self, request: h11.Request, content: bytes) -> _Event:
        """Send, and return the first event of the response; retry once if a kept-alive connection was closed."""
        kept = self._streams is not None
        try:
            return await self._exchange(request, content)
        except ConnectionError:
            if not kept:
                raise
        self.close()
        return await self._exchange(request, content)

    async def _exchange(self, request: h11.Request, content: bytes) -> _Event:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        events: tuple[h11.Event, ...] = (request, h11.Data(data=content), h11.EndOfMessage())
        _, writer = self._streams
        writer.write(b"".join(self._state.send(event) or b"" for event in events))
        await writer.drain()
        return await self._event()

    async def _event(self) -> _Event:
        if self._streams is None:
            raise ConnectionError("the connection is closed")
        try:
            while (event := self._state.next_event()) is h11.NEED_DATA:
                self._state.receive_data(await self._streams[0].read(_READ_BYTES))
        except h11.RemoteProtocolError as error:
            raise ConnectionError(f"the server ended the connection, or spoke no HTTP: {error}") from error
        return event

    def close(self) -> None:
        """Drop the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None
        self._state = h11.Connection(h11.CLIENT)

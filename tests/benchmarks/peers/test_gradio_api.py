"""The client of Gradio against a server that speaks like it: one request at a time, always the newest text."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from benchmarks.peers.gradio_api import GradioConnection, read_events


class FakeGradio:
    """Answers POST queue/join with an event, and GET queue/data with its events once ``gate`` is set."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.connections = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.success = True
        self.hang_up = False
        self.joined = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:-2])
                body = await reader.readexactly(int(fields["content-length"]))
                await (self._join(body, writer) if head.startswith(b"POST") else self._data(writer))
                if self.hang_up and head.startswith(b"GET"):
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def _join(self, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.texts.append(json.loads(body)["data"][0])
        self.joined.set()
        answer = json.dumps({"event_id": f"event-{len(self.texts)}"}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))

    async def _data(self, writer: asyncio.StreamWriter) -> None:
        await self.gate.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        event_id = f"event-{len(self.texts)}"
        for event in (
            {"msg": "process_starts", "event_id": event_id},
            {"msg": "process_completed", "event_id": event_id, "success": self.success},
            {"msg": "close_stream", "event_id": None},
        ):
            chunk = f"data: {json.dumps(event)}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        writer.write(b"0\r\n\r\n")


@pytest.fixture
async def gradio() -> AsyncIterator[tuple[FakeGradio, GradioConnection]]:
    fake = FakeGradio()
    server = await asyncio.start_server(fake.serve, "127.0.0.1", 0)
    connection = GradioConnection("127.0.0.1", server.sockets[0].getsockname()[1])
    yield fake, connection
    await connection.close()
    server.close()
    await server.wait_closed()


async def test_a_text_is_sent_and_its_answer_names_it(gradio: tuple[FakeGradio, GradioConnection]) -> None:
    fake, connection = gradio
    answers = connection.answers()
    for seq, text in ((1, "a"), (5, "ab")):
        await connection.send(seq, text)
        answer = await anext(answers)
        assert (answer.seq, answer.refused) == (seq, False)
    assert fake.texts == ["a", "ab"]
    assert fake.connections == 1, "the connection is kept"


async def test_while_a_request_is_under_way_only_the_newest_text_waits(
    gradio: tuple[FakeGradio, GradioConnection],
) -> None:
    fake, connection = gradio
    fake.gate.clear()
    answers = connection.answers()
    await connection.send(1, "a")
    first = asyncio.ensure_future(anext(answers))
    await fake.joined.wait()
    for seq, text in ((2, "ab"), (3, "abc")):
        await connection.send(seq, text)
    fake.gate.set()
    assert (await first).seq == 1
    assert (await anext(answers)).seq == 3
    assert fake.texts == ["a", "abc"]


async def test_a_function_that_fails_is_a_refusal(gradio: tuple[FakeGradio, GradioConnection]) -> None:
    fake, connection = gradio
    fake.success = False
    await connection.send(1, "a")
    assert (await anext(connection.answers())).refused


async def test_a_kept_connection_that_the_server_closed_is_opened_again(
    gradio: tuple[FakeGradio, GradioConnection],
) -> None:
    fake, connection = gradio
    fake.hang_up = True
    answers = connection.answers()
    for seq in (1, 2):
        await connection.send(seq, "a")
        assert (await anext(answers)).seq == seq
    assert fake.connections == 2


async def test_events_may_be_cut_anywhere() -> None:
    stream = b'data: {"msg": "a"}\n\ndata: {"msg": "b"}\n\n'

    async def bytewise() -> AsyncIterator[bytes]:
        for byte in stream:
            yield bytes([byte])

    assert [event["msg"] async for event in read_events(bytewise())] == ["a", "b"]

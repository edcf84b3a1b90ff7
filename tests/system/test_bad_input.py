"""Bad input to a real server gets a clear answer in bounded time, and does not affect other clients."""

import asyncio
import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tools.servers import RunningServer, ask, open_socket, start_server

COMBINING = "e" + "\u0301" * 19_000


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("", "bad_json"),
        ("[" * 1_000 + "]" * 1_000, "bad_json"),
        ('{"type":"text.update","text":"a","seq":' + "7" * 5_000 + "}", "bad_json"),
        ("null", "bad_request"),
        ("[]", "bad_request"),
        ('{"type":"text.update","text":"a","seq":NaN}', "bad_request"),
        ('{"type":"text.update","text":"a","seq":1e999}', "bad_request"),
        ('{"type":"text.update","text":"a","seq":true}', "bad_request"),
        ('{"type":"review"}', "unknown_type"),
        (b"\x80\xff", "binary_not_supported"),
        (json.dumps({"type": "text.update", "seq": 1, "text": "a" * 66_000}), "too_large"),
        (json.dumps({"type": "text.update", "seq": 1, "text": "a" * 20_001}), "text_too_long"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "bytes",
)
async def test_bad_frames_get_their_error_and_the_next_text_its_answer(
    fake_server: RunningServer, frame: str | bytes, code: str
) -> None:
    async with await open_socket(fake_server) as socket:
        answer = await ask(socket, frame)
        assert (answer["type"], answer["error"]["code"]) == ("error", code)
        assert (await ask(socket, '{"type":"text.update","seq":9,"text":"A fine film"}'))["seq"] == 9


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "\x00", "a\x00b", COMBINING, "\u200b\u200c\u200d\ufeff", "\u202eevil\u202c", "😀" * 3_000,
        "Отличный фильм", "<script>alert(1)</script>", "ﷺ" * 6_000, "a" * 20_000, "\n" * 20_000,
    ],
    ids=["empty", "spaces", "nul", "nul inside", "combining", "zero width", "bidi", "emoji", "cyrillic", "script",
         "expanding", "one word", "line breaks"],
)  # fmt: skip
async def test_strange_texts_are_rated(real_server: RunningServer, text: str) -> None:
    async with await open_socket(real_server) as socket:
        frame = json.dumps({"type": "text.update", "seq": 1, "text": text}, ensure_ascii=False)
        prediction = await ask(socket, frame)
        assert prediction["type"] == "prediction"
        assert sum(prediction["probabilities"]) == pytest.approx(1, abs=1e-4)
        assert prediction["is_prior"] == (prediction["tokens"] == 0)
        if not text.strip():
            assert prediction["is_prior"]


@pytest.mark.parametrize(
    ("marks", "outcome"), [(19_999, "prediction"), (20_000, "text_too_long"), (60_000, "too_large")]
)
async def test_combining_marks_are_rated_or_refused_however_many(
    real_server: RunningServer, marks: int, outcome: str
) -> None:
    async with await open_socket(real_server) as socket:
        text = "e" + "\u0301" * marks
        frame = json.dumps({"type": "text.update", "seq": 1, "text": text}, ensure_ascii=False)
        answer = await ask(socket, frame)
        assert outcome in (answer["type"], answer.get("error", {}).get("code"))
        assert (await ask(socket, '{"type":"text.update","seq":2,"text":"A fine film"}'))["seq"] == 2


async def test_a_hundred_thousand_combining_marks_close_that_connection_and_no_other(
    real_server: RunningServer,
) -> None:
    frame = json.dumps({"type": "text.update", "seq": 1, "text": "e" + "\u0301" * 100_000}, ensure_ascii=False)
    async with await open_socket(real_server) as other, await open_socket(real_server) as socket:
        with pytest.raises(ConnectionClosed):
            await ask(socket, frame)
        assert (await ask(other, '{"type":"text.update","seq":1,"text":"still here"}'))["seq"] == 1


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("predict", {"text": "e" + "\u0301" * 19_999}, 200),
        ("predict", {"texts": ["e" + "\u0301" * 19_999] * 25}, 200),
        ("predict", {"text": "e" + "\u0301" * 100_000}, 413),
        ("predict", {"text": "e" + "\u0301" * 600_000}, 413),
        ("explain", {"text": "e" + "\u0301" * 19_999}, 200),
        ("explain", {"text": "e" + "\u0301" * 100_000}, 413),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_combining_marks_over_http_are_rated_or_refused_however_many(
    real_server: RunningServer, path: str, body: dict[str, Any], status: int
) -> None:
    async with httpx.AsyncClient(base_url=real_server.http, trust_env=False, timeout=60) as client:
        content = json.dumps(body, ensure_ascii=False).encode()
        reply = await client.post(f"/api/v1/{path}", content=content, headers={"Content-Type": "application/json"})
    assert reply.status_code == status
    if status == 413:
        assert reply.json()["error"]["code"] in ("text_too_long", "too_large")
    for rating in reply.json().get("results", ()):
        assert sum(rating["probabilities"]) == pytest.approx(1, abs=1e-4)


async def test_a_lone_surrogate_is_answered(real_server: RunningServer) -> None:
    async with await open_socket(real_server) as socket:
        assert (await ask(socket, '{"type":"text.update","seq":1,"text":"half \\ud800"}'))["type"] == "prediction"


async def test_a_megabyte_closes_that_connection_and_no_other(fake_server: RunningServer) -> None:
    async with await open_socket(fake_server) as other, await open_socket(fake_server) as socket:
        # Daphne's WebSocket library drops a connection over the transport's limit without a word.
        with pytest.raises(ConnectionClosed):
            await ask(socket, json.dumps({"type": "text.update", "seq": 1, "text": "a" * 1_000_000}))
        assert (await ask(other, '{"type":"text.update","seq":1,"text":"still here"}'))["seq"] == 1


async def test_a_malformed_origin_is_a_bad_request(fake_server: RunningServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(fake_server.ws, additional_headers={"Origin": "http://["}, proxy=None)
    assert refused.value.response.status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_a_foreign_origin_is_closed_with_a_reason(fake_server: RunningServer, origin: str) -> None:
    async with connect(fake_server.ws, additional_headers={"Origin": origin}, proxy=None) as socket:
        assert json.loads(await socket.recv())["error"]["code"] == "origin_refused"
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4520


async def test_ten_thousand_messages_at_once_are_refused_while_another_typist_is_answered(
    fake_server: RunningServer,
) -> None:
    process = psutil.Process(fake_server.process.pid)
    before = process.memory_info().rss
    async with await open_socket(fake_server) as other, await open_socket(fake_server) as flood:

        async def send_all() -> None:
            with contextlib.suppress(ConnectionClosed):
                for seq in range(10_000):
                    await flood.send(json.dumps({"type": "text.update", "seq": seq, "text": f"text {seq}"}))

        sending = asyncio.create_task(send_all())
        codes: Counter[str] = Counter()
        with contextlib.suppress(ConnectionClosed):
            async for frame in flood:
                message = json.loads(frame)
                codes[message["error"]["code"] if message["type"] == "error" else "answered"] += 1
                if codes.total() % 200 == 0:
                    seq = codes.total()
                    assert (await ask(other, f'{{"type":"text.update","seq":{seq},"text":"me too"}}'))["seq"] == seq
        await sending
    assert flood.close_code == 4008
    assert codes["rate_limited"] >= 300
    assert process.memory_info().rss - before < 40_000_000


@pytest.mark.long
async def test_coming_and_going_leaves_nothing_behind(data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_WORK_BURST="100000") as server:
        process = psutil.Process(server.process.pid)

        async def come_and_go(times: int) -> None:
            for seq in range(times):
                async with await open_socket(server) as socket:
                    await socket.send(json.dumps({"type": "text.update", "seq": seq, "text": "gone before the answer"}))

        # Until then allocators and caches grow to what they keep.
        await come_and_go(1_500)
        descriptors, threads, resident = process.num_fds(), process.num_threads(), process.memory_info().rss
        await come_and_go(2_000)
        assert process.num_fds() <= descriptors + 5
        # The one that gives memory back to the system may start meanwhile.
        assert process.num_threads() <= threads + 1
        # Four kilobytes of each connection would be seen.
        assert process.memory_info().rss - resident < 8_000_000
        assert "Traceback" not in server.logged()


def test_the_server_logged_no_traceback(fake_server: RunningServer) -> None:
    assert "Traceback" not in fake_server.logged()

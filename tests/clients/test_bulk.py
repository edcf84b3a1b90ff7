"""Rating many texts over HTTP: batches, retries, and what ends the client."""

import asyncio
import math
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from starcast_client import BulkClient, ConnectionFailed, ErrorInfo, IncompatibleServer, Rating, Refused

from model_core.labels import STARS
from tests.clients.scripted_http import LIMITS, Answer, ScriptedServer, error, rating, ratings, scripted_server
from tests.labelled import VALUED, labelled


async def no_pause(_: float) -> None:
    pass


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


async def rate(server: ScriptedServer, texts: list[str], **options: Any) -> list[Rating | ErrorInfo]:
    async with BulkClient(server.url, **options) as client:
        return [result async for result in client.rate_many(texts)]


async def test_results_come_in_the_order_of_the_texts_with_unrounded_numbers(server: ScriptedServer) -> None:
    texts = ["a film " * (number * 7 % 50 + 1) for number in range(700)]
    results = await rate(server, texts, api_key="secret")
    assert [result.text for result in results if isinstance(result, Rating)] == texts
    first = results[3]
    assert isinstance(first, Rating)
    assert list(first.probabilities) == list(rating(texts[3])["probabilities"])
    assert first.labels == (1, 2, 3, 4, 7, 8, 9, 10)
    assert first.model_version == "0"
    assert first.state == "says"
    assert set(server.keys) == {"Bearer secret"}


async def test_texts_of_a_length_go_together_within_the_limits_of_the_server(server: ScriptedServer) -> None:
    long, short = ["x" * 19_000] * 60, ["fine"] * 100
    await rate(server, [text for pair in zip(long, short, strict=False) for text in pair] + short[60:])
    assert max(map(len, server.requests)) == LIMITS["max_texts"]
    assert all(sum(map(len, texts)) < LIMITS["max_body_bytes"] for texts in server.requests)
    assert sum(len({len(text) for text in texts}) > 1 for texts in server.requests) <= 1


async def test_texts_are_taken_as_they_are_needed(server: ScriptedServer) -> None:
    taken = 0

    def texts() -> Iterator[str]:
        nonlocal taken
        for taken in range(1, 100_001):
            yield f"film {taken}"

    async with BulkClient(server.url) as client:
        results = client.rate_many(texts())
        await anext(results)
        await results.aclose()  # type: ignore[attr-defined]
    assert taken <= 1_100


async def test_an_odd_text_is_sent_as_the_server_reads_it(server: ScriptedServer) -> None:
    (result,) = await rate(server, ["half \ud83d an emoji"])
    assert isinstance(result, Rating)
    assert server.texts == ["half \ufffd an emoji"]


async def test_an_error_of_one_text_is_that_of_this_text_alone() -> None:
    def refuses_dull(texts: list[str]) -> Answer:
        return 200, {"results": [error("text_too_long", False) if text == "dull" else rating(text) for text in texts]}

    with scripted_server(refuses_dull) as server:
        results = await rate(server, ["fine", "dull", "good"])
    assert [isinstance(result, Rating) for result in results] == [True, False, True]
    assert isinstance(results[1], ErrorInfo)
    assert results[1].code == "text_too_long"


async def test_a_text_that_no_request_holds_is_an_error_of_this_text_alone(server: ScriptedServer) -> None:
    results = await rate(server, ["fine", "x" * 3 * LIMITS["max_body_bytes"], "good"])
    assert [isinstance(result, Rating) for result in results] == [True, False, True]
    assert str(results[1]) == "text_too_long: a text may have 20,000 characters, not 3,145,728"
    assert sorted(server.texts) == ["fine", "good"]


@pytest.mark.parametrize(
    "busy",
    [(429, error("rate_limited", True, 5)), (503, error("overloaded", True)), (502, b"<html>"), (429, b"<html>")],
)
async def test_a_busy_server_is_asked_again(busy: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starcast_client.bulk.sleep", no_pause)
    answers = iter([busy, busy, None])
    with scripted_server(lambda _: next(answers)) as server:
        results = await rate(server, ["fine"])
    assert isinstance(results[0], Rating)
    assert server.texts == ["fine"] * 3


async def test_only_the_texts_that_were_not_rated_are_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starcast_client.bulk.sleep", no_pause)

    def busy_at_first(texts: list[str]) -> Answer | None:
        if len(texts) == 1:
            return None
        body = ratings(texts)
        body["results"][1] = error("overloaded", True)
        return 200, body

    with scripted_server(busy_at_first) as server:
        results = await rate(server, ["aaa", "bbb", "ccc"])
    assert all(isinstance(result, Rating) for result in results)
    assert server.requests == [["aaa", "bbb", "ccc"], ["bbb"]]


async def test_a_server_that_stays_busy_is_given_up_and_says_why() -> None:
    with scripted_server(lambda _: (503, error("overloaded", True))) as server:
        (result,) = await rate(server, ["fine"], patience_s=0)
    assert isinstance(result, ErrorInfo)
    assert result.retryable
    assert result.code == "overloaded"


async def test_the_time_that_the_program_takes_is_none_of_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starcast_client.bulk.sleep", no_pause)
    monkeypatch.setattr("starcast_client.bulk._WINDOW_TEXTS", 1)
    is_busy = iter([True])

    def busy_once(texts: list[str]) -> Answer | None:
        return (503, error("overloaded", True)) if texts == ["d"] and any(is_busy) else None

    results = []
    with scripted_server(busy_once) as server:
        async with BulkClient(server.url, patience_s=30) as client:
            async for result in client.rate_many(["a", "b", "c", "d"]):
                results.append(result)
                # All that was asked for is answered, and then the program is busy for an hour.
                await asyncio.wait(client._windows)
                client._answered_at -= 3600
    assert all(isinstance(result, Rating) for result in results)
    assert server.texts == ["a", "b", "c", "d", "d"]


async def test_the_pause_that_a_server_asks_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    monkeypatch.setattr("starcast_client.bulk.sleep", note)
    answers = iter([(429, error("rate_limited", True, 9_000)), None])
    with scripted_server(lambda _: next(answers)) as server:
        await rate(server, ["fine"])
    assert pauses == [9.0]


@pytest.mark.parametrize(("asked", "least", "most"), [("9", 9, 9), ("3600", 50, 60)])
async def test_the_pause_that_a_proxy_asks_for_is_kept_within_the_patience(
    monkeypatch: pytest.MonkeyPatch, asked: str, least: float, most: float
) -> None:
    pauses: list[float] = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    monkeypatch.setattr("starcast_client.bulk.sleep", note)
    answers = iter([(429, b"<html>", {"Retry-After": asked}), None])
    with scripted_server(lambda _: next(answers)) as server:
        await rate(server, ["fine"])
    [pause] = pauses
    assert least <= pause <= most


async def test_the_longest_pause_that_texts_of_a_batch_ask_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    monkeypatch.setattr("starcast_client.bulk.sleep", note)
    busy = {"results": [error("overloaded", True, 9_000), error("overloaded", True, 7_000), error("internal", True)]}
    answers = iter([(200, busy), None])
    with scripted_server(lambda _: next(answers)) as server:
        await rate(server, ["aaa", "bbb", "ccc"])
    assert pauses == [9.0]


async def test_a_server_that_falls_silent_over_a_batch_is_said_while_it_is_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("starcast_client.bulk._SLOW_ANSWER_S", 0.0)
    said = threading.Event()
    monkeypatch.setattr(caplog.handler, "emit", lambda _: said.set())
    with scripted_server(lambda _: None if said.wait(60) else (500, {})) as server:
        (result,) = await rate(server, ["fine"])
    assert isinstance(result, Rating)


@pytest.mark.parametrize(("patience_s", "wait_s"), [(0, 10), (30, 30), (math.inf, 120)])
async def test_no_answer_is_waited_for_longer_than_the_patience(
    patience_s: float, wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    async def answer(_: object, request: httpx.Request) -> httpx.Response:
        waits.append(request.extensions["timeout"]["read"])
        return httpx.Response(200, json={"labels": STARS, "model": {"version": "0"}, "limits": LIMITS})

    monkeypatch.setattr("httpx.AsyncHTTPTransport.handle_async_request", answer)
    async with BulkClient("http://localhost", patience_s=patience_s):
        assert waits == [wait_s]


@pytest.mark.parametrize("proxy", ["socks5://localhost:1", "foo://localhost"])
async def test_a_proxy_that_cannot_be_used_is_said(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(ConnectionFailed, match="no connection to http://localhost"):
        BulkClient("http://localhost", proxy=proxy)


@pytest.mark.parametrize(
    ("model", "raised", "words"),
    [
        ((401, error("key_missing", False)), Refused, "key_missing"),
        ((301, b""), Refused, "https://example.org/"),
        ((404, b"<html>"), IncompatibleServer, "no Starcast"),
        ((200, {"labels": [1]}), IncompatibleServer, "no Starcast"),
    ],
)
async def test_what_is_no_use_to_try_again_ends_the_client(model: Answer, raised: type[Exception], words: str) -> None:
    with scripted_server(model=model) as server, pytest.raises(raised, match=words):
        await rate(server, ["fine"])
    assert not server.requests


@pytest.mark.parametrize("body", [{}, {"results": []}, {"results": [{"stars": 7}]}])
async def test_ratings_that_make_no_sense_end_the_client(body: dict[str, Any]) -> None:
    with scripted_server(lambda _: (200, body)) as server, pytest.raises(IncompatibleServer, match="malformed"):
        await rate(server, ["fine"])


async def test_a_server_that_is_not_there_is_given_up_in_the_end() -> None:
    with pytest.raises(ConnectionFailed, match="nothing answers there"):
        await rate(ScriptedServer("http://127.0.0.1:1"), ["fine"], patience_s=0, proxy=None)


async def test_a_server_that_is_not_there_is_said_while_it_is_waited_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = asyncio.Event()

    async def paused(_: float) -> None:
        said.set()
        await asyncio.Event().wait()

    monkeypatch.setattr("starcast_client.bulk.sleep", paused)
    waiting = asyncio.create_task(rate(ScriptedServer("http://127.0.0.1:1"), ["fine"], proxy=None))
    await said.wait()
    assert "nothing answers there" in caplog.text
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_one_text_in_place_of_several_and_what_is_no_text_are_refused(server: ScriptedServer) -> None:
    with pytest.raises(TypeError, match="a text is a string, not None"):
        await rate(server, ["fine", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="put one into a list"):
        await rate(server, "a film")  # type: ignore[arg-type]


async def test_leaving_the_iteration_ends_its_requests(server: ScriptedServer) -> None:
    async with BulkClient(server.url) as client:
        async for _ in client.rate_many(["fine"] * 5_000):
            break
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_certificate_that_is_not_trusted_is_said_at_once(server: ScriptedServer) -> None:
    secure = ScriptedServer(server.url.replace("http:", "https:"))
    with pytest.raises(ConnectionFailed, match="does its URL begin with http://"):
        await rate(secure, ["fine"])


async def test_texts_are_rated_by_the_labels_of_any_model() -> None:
    classifier = labelled(VALUED)
    (found,) = classifier.classify(["A fine text"])
    names = ("probabilities", "label", "expected_value", "interval", "tokens", "truncated")
    answer = {"results": [{name: getattr(found, name) for name in names}]}
    classes = [{"name": name, "value": value} for name, value in zip(VALUED.names, VALUED.values or (), strict=True)]
    model = {"classes": classes, "model": {"version": "0"}, "limits": LIMITS}
    with scripted_server(lambda _: (200, answer), model=(200, model)) as server:
        (rated,) = await rate(server, ["A fine text"])
    assert isinstance(rated, Rating)
    assert (rated.labels, rated.label, rated.expected_value) == (VALUED.names, found.label, found.expected_value)


async def test_a_model_that_is_replaced_by_one_with_other_labels_ends_the_client() -> None:
    answer = {"results": [{"probabilities": [0.5, 0.5], "label": "bad", "tokens": 1, "truncated": False}]}
    with (
        scripted_server(lambda _: (200, answer)) as changed,
        pytest.raises(IncompatibleServer, match="other labels now"),
    ):
        await rate(changed, ["A fine film"])

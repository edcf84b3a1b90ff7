"""Without a server, a caller that waits for a rating gets an error in time, and one that only types does not."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from starcast_client import AsyncClient, Client, ConnectionFailed, Options, State

from tests.clients.fake_server import HURRIED, Visit, client_of, error, fake_server, prediction, silent, works

NOWHERE = "ws://localhost:1"
BRIEF = replace(HURRIED, outage_timeout_s=0.05)


def test_calls_have_a_time_limit_unless_it_is_turned_off() -> None:
    assert (Options().outage_timeout_s or math.inf) <= 60


@pytest.mark.parametrize("ask", [lambda client: client.rate("A fine film"), AsyncClient.connected])
async def test_a_pending_call_gets_the_reason_of_an_outage_and_the_client_keeps_trying(
    ask: Callable[[AsyncClient], Awaitable[object]],
) -> None:
    async with AsyncClient(NOWHERE, options=BRIEF, proxy=None) as client:
        with pytest.raises(ConnectionFailed, match=r"no answer from ws://\S+ for 0.05 s: .*Connect call failed"):
            await ask(client)
        client.update("A fine film")
        assert client.state is State.RECONNECTING


def test_so_it_is_without_asyncio() -> None:
    with Client(NOWHERE, options=BRIEF, proxy=None) as client:
        with pytest.raises(ConnectionFailed, match="Connect call failed"):
            client.rate("A fine film")
        assert "Connect call failed" in (client.trouble or "")


async def test_many_texts_wait_as_long_as_one() -> None:
    async with AsyncClient(NOWHERE, options=Options(outage_timeout_s=0.01), proxy=None) as client:
        with pytest.raises(ConnectionFailed, match=r"for 0\.01 s"):
            await anext(client.rate_many(["a film"]))


async def test_a_silent_server_counts_as_down() -> None:
    async with fake_server(silent) as server, client_of(server, BRIEF) as client:
        with pytest.raises(ConnectionFailed, match="the server keeps silent"):
            await client.rate("A fine film")


async def test_a_slow_server_that_has_answered_before_is_waited_for() -> None:
    async def slow(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**prediction((await visit.hear("text.update"))["seq"]))
        update = await visit.hear("text.update")
        await asyncio.sleep(0.2)
        await visit.say(**prediction(update["seq"]))
        await visit.connection.wait_closed()

    async with fake_server(slow) as server, client_of(server) as client:
        await client.rate("A")
        client._options = BRIEF
        assert (await client.rate("A fine")).text == "A fine"


async def test_a_cancelled_text_is_not_sent() -> None:
    back = asyncio.Event()

    async def works_later(visit: Visit) -> None:
        await back.wait()
        await works(visit)

    async with fake_server(works_later) as server, client_of(server, BRIEF) as client:
        with pytest.raises(ConnectionFailed):
            await client.rate("A")
        back.set()
        client.update("A fine")
        assert (await anext(client.predictions())).text == "A fine"
        assert [message["text"] for message in server.visits[0].heard] == ["A fine"]


async def test_the_trouble_is_told_at_each_change_and_is_over_with_the_next_connection() -> None:
    async def full(visit: Visit) -> None:
        await visit.say(**error("server_full", retryable=True))
        await visit.connection.close(4010)

    async def no_model(visit: Visit) -> None:
        await visit.say(**error("model_unavailable", retryable=True))
        await visit.connection.close(4000)

    troubles: list[str | None] = []

    def note(_: State) -> None:
        troubles.append(client.trouble)

    async with fake_server(full, no_model, works) as server:
        client: AsyncClient = client_of(server, on_state=note)
        async with client:
            await client.rate("A fine film")
    assert troubles == ["server_full: as the test wants", "model_unavailable: as the test wants", None, None]


async def test_a_server_that_says_how_long_to_wait_is_left_alone_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    async def too_fast(visit: Visit) -> None:
        await visit.greet()
        refusal = error("rate_limited", (await visit.hear("text.update"))["seq"], retryable=True)
        refusal["error"]["retry_after_ms"] = 3_000
        await visit.say(**refusal)
        await visit.hear("text.update")
        del refusal["error"]["seq"]
        await visit.say(**refusal)
        await visit.connection.close(4008)

    async def still_too_fast(visit: Visit) -> None:
        refusal = error("rate_limited", retryable=True)
        refusal["error"]["retry_after_ms"] = 5_000
        await visit.say(**refusal)
        await visit.connection.close(4008)

    async with fake_server(too_fast, still_too_fast, works) as server:
        monkeypatch.setattr("starcast_client.async_client.sleep", note)
        async with client_of(server) as client:
            await client.rate("A fine film")
    assert pauses[0] == 3
    assert any(3 <= pause < 3.1 for pause in pauses[1:-1])
    assert 5 <= pauses[-1] < 5.1

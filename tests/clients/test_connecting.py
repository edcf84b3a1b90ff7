"""How the client connects, comes back, and knows when not to."""

import asyncio
from http import HTTPStatus

import pytest
from starcast_client import (
    AsyncClient,
    ConnectionFailed,
    IncompatibleServer,
    Options,
    Refused,
    State,
)
from starcast_client.connecting import Server
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from tests.clients.fake_server import (
    Visit,
    client_of,
    error,
    fake_server,
    prediction,
    silent,
    works,
)
from tests.clients.scripted_http import scripted_server


@pytest.mark.parametrize("close_code", [1000, 1001, 1011, 4000, 4008, 4010, 4499])
async def test_the_newest_text_is_sent_again_after_a_reconnect(close_code: int) -> None:
    async def closes(visit: Visit) -> None:
        await visit.greet()
        await visit.hear("text.update")
        await visit.connection.close(close_code)

    async with fake_server(closes, works) as server, client_of(server) as client:
        assert (await client.rate("A fine film")).text == "A fine film"
        assert [visit.heard[0]["text"] for visit in server.visits] == ["A fine film"] * 2


async def test_a_text_that_was_rated_is_sent_again_to_a_server_that_does_not_know_it() -> None:
    async def closes_after_the_answer(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**prediction((await visit.hear("text.update"))["seq"]))
        await visit.connection.close(1001)

    async with fake_server(closes_after_the_answer, works) as server, client_of(server) as client:
        client.update("A fine film")
        ratings = client.predictions()
        seqs = [(await anext(ratings)).seq, (await anext(ratings)).seq]
        assert seqs == sorted(set(seqs))
        assert len(server.visits) == 2


@pytest.mark.parametrize("close_code", [4500, 4502, 4504, 4512, 4520, 4999])
async def test_a_final_close_code_is_raised_with_its_reason(close_code: int) -> None:
    async def refuses(visit: Visit) -> None:
        await visit.say(**error("key_revoked"))
        await visit.connection.close(close_code)

    async with fake_server(refuses) as server, client_of(server) as client:
        with pytest.raises(Refused, match="key_revoked") as refused:
            await client.rate("A fine film")
        assert refused.value.code == close_code
        with pytest.raises(Refused):
            client.update("A")
        with pytest.raises(Refused):
            await anext(client.predictions())
        assert client.state is State.CLOSED
        assert len(server.visits) == 1


async def test_the_pause_that_the_server_asks_for_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    async def leaves(visit: Visit) -> None:
        await visit.greet()
        await visit.say(type="session.closing", reason="restart", retry_after_ms=7_000)
        await visit.connection.close(1001)

    async with fake_server(leaves, works) as server:
        monkeypatch.setattr("starcast_client.async_client.sleep", note)
        async with client_of(server) as client:
            await client.rate("A fine film")
    assert pauses[0] == pytest.approx(7, abs=0.01)


async def test_what_a_leaving_server_took_is_answered_and_the_rest_goes_to_the_next() -> None:
    told = asyncio.Event()

    async def leaves(visit: Visit) -> None:
        await visit.greet()
        update = await visit.hear("text.update")
        await visit.say(type="session.closing", reason="restart", retry_after_ms=1)
        await told.wait()
        await visit.say(**prediction(update["seq"], stars=9))
        await visit.connection.wait_closed()

    async with fake_server(leaves, works) as server, client_of(server) as client:
        first, second = asyncio.create_task(client.rate("A")), asyncio.create_task(client.rate("A fine"))
        told.set()
        assert (await first).stars == 9
        assert (await second).stars == 8
        assert [[message["text"] for message in visit.heard] for visit in server.visits] == [["A"], ["A fine"]]


async def test_tries_grow_apart_at_random_up_to_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = []

    def note(low: float, high: float) -> float:
        assert low == 0
        bounds.append(high)
        return 0.0

    monkeypatch.setattr("random.uniform", note)
    options = Options(backoff_first_s=0.5, backoff_cap_s=3, max_connect_attempts=6)
    async with AsyncClient("ws://localhost:1", options=options, proxy=None) as client:
        with pytest.raises(ConnectionFailed, match="in 6 attempts"):
            await client.connected()
    assert bounds == [0.5, 1, 2, 3, 3]


async def test_an_idle_connection_is_pinged_and_a_silent_one_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starcast_client.conversation.PONG_TIMEOUT_S", 0.05)
    pinged, back = asyncio.Event(), asyncio.Event()

    async def answers_one_ping(visit: Visit) -> None:
        await visit.greet(heartbeat_interval_ms=20)
        await visit.hear("ping")
        await visit.say(type="pong", id="")
        await visit.hear("ping")
        pinged.set()
        await visit.connection.wait_closed()

    async def comes_back(visit: Visit) -> None:
        back.set()
        await works(visit)

    async with fake_server(answers_one_ping, comes_back) as server, client_of(server):
        await pinged.wait()
        await back.wait()


async def test_an_answer_that_does_not_come_ends_the_connection() -> None:
    options = Options(answer_timeout_s=0.05, backoff_first_s=0.001)
    async with fake_server(silent, works) as server, client_of(server, options) as client:
        assert (await client.rate("A fine film")).text == "A fine film"
        assert len(server.visits) == 2


async def test_the_interval_that_one_asked_for_is_no_silence() -> None:
    async def keeps_the_interval(visit: Visit) -> None:
        await visit.greet()
        await visit.hear("session.update")
        update = await visit.hear("text.update")
        await asyncio.sleep(0.2)
        await visit.say(**prediction(update["seq"]))
        await visit.connection.wait_closed()

    options = Options(answer_timeout_s=0.05, min_interval_ms=60_000, backoff_first_s=0.001)
    async with fake_server(keeps_the_interval) as server, client_of(server, options) as client:
        assert (await client.rate("A fine film")).text == "A fine film"
        assert len(server.visits) == 1


@pytest.mark.parametrize("word", ["[]", "no JSON", '{"type":"session.created"}', '{"type":"prediction","seq":1}'])
async def test_another_language_is_an_incompatible_server(word: str) -> None:
    async def babbles(visit: Visit) -> None:
        await visit.connection.send(word)
        await visit.connection.wait_closed()

    async with fake_server(babbles) as server, client_of(server) as client:
        with pytest.raises(IncompatibleServer):
            await client.connected()


async def test_another_version_is_an_incompatible_server() -> None:
    async def newer(visit: Visit) -> None:
        await visit.greet(protocol="starcast.v2")
        await visit.connection.wait_closed()

    async with fake_server(newer) as server, client_of(server) as client:
        with pytest.raises(IncompatibleServer, match=r"starcast\.v2"):
            await client.connected()


async def test_the_key_rides_in_a_header() -> None:
    async with fake_server(works) as server, client_of(server, api_key="k-1") as client:
        await client.connected()
        request = server.visits[0].connection.request
        assert request is not None
        assert request.headers["Authorization"] == "Bearer k-1"
        assert request.path == "/ws/v1/classify/"


async def test_a_proxy_that_drops_the_upgrade_is_not_taken_for_another_server() -> None:
    with scripted_server(model=(426, b"")) as server:
        async with AsyncClient(server.url, proxy=None) as client:
            with pytest.raises(Refused, match="Upgrade"):
                await client.connected()


async def test_states_are_told() -> None:
    states: list[State] = []

    async def leaves(visit: Visit) -> None:
        await visit.greet()

    async with fake_server(leaves, works) as server, client_of(server, on_state=states.append) as client:
        await client.rate("A fine film")
    assert states == [State.OPEN, State.RECONNECTING, State.OPEN, State.CLOSED]


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000", "ftp://example.org", "ws://", "", "http://[", "http://localhost:99999", "http://localhost:abc",
        "http://localhost:0", "http://localhost:8000/#x",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        AsyncClient(url)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [("ws://localhost:1", "foo://localhost"), ("ws://user@localhost:1", None), (f"ws://{'a' * 64}.invalid", None)],
)
async def test_what_no_try_can_connect_to_ends_the_client(url: str, proxy: str | None) -> None:
    async with AsyncClient(url, proxy=proxy) as client:
        with pytest.raises(ConnectionFailed, match="no connection to ws://"):
            await client.rate("A fine film")


@pytest.mark.parametrize(("asked", "kept"), [("7", 7), ("3600", Options().backoff_cap_s), ("soon", 0)])
async def test_the_pause_that_a_proxy_asks_for_is_kept_within_bounds(
    monkeypatch: pytest.MonkeyPatch, asked: str, kept: float
) -> None:
    pauses = []

    async def note(pause_s: float) -> None:
        pauses.append(pause_s)

    def busy(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(HTTPStatus.TOO_MANY_REQUESTS, "")
        response.headers["Retry-After"] = asked
        return response

    monkeypatch.setattr("starcast_client.async_client.sleep", note)
    async with serve(lambda _: None, "localhost", 0, process_request=busy) as server:  # type: ignore[arg-type, return-value]
        options = Options(backoff_first_s=0, max_connect_attempts=2)
        url = f"ws://localhost:{server.sockets[0].getsockname()[1]}"
        async with AsyncClient(url, options=options, proxy=None) as client:
            with pytest.raises(ConnectionFailed, match="HTTP 429"):
                await client.connected()
    assert pauses == [kept]


def test_a_server_does_not_show_its_key() -> None:
    assert "sc_secret" not in repr(Server("ws://localhost:1", "sc_secret"))

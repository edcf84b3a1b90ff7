"""The function that fetches tokens, which clients call at every connection."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starcast_client import AsyncClient, Client, ConnectionFailed, Options

from tests.clients.fake_server import HURRIED, Visit, client_of, fake_server, works


def bearer(visit: Visit) -> str:
    assert visit.connection.request is not None
    return visit.connection.request.headers["Authorization"]


async def test_each_connection_has_a_token_of_its_own() -> None:
    made: list[str] = []

    async def token() -> str:
        made.append(f"st_{len(made)}")
        return made[-1]

    async def leaves(visit: Visit) -> None:
        await visit.greet()
        await visit.hear("text.update")

    async with fake_server(leaves, works) as server, client_of(server, token=token) as client:
        assert (await client.rate("A fine film")).text == "A fine film"
        assert [bearer(visit) for visit in server.visits] == ["Bearer st_0", "Bearer st_1"]


@pytest.mark.parametrize("make", [lambda: "st_1", lambda: asyncio.sleep(0, "st_1")])
async def test_the_function_may_be_plain_or_return_an_awaitable(make: Callable[[], str | Awaitable[str]]) -> None:
    async with fake_server(works) as server, client_of(server, token=make) as client:
        await client.connected()
        assert bearer(server.visits[0]) == "Bearer st_1"


async def test_a_function_that_blocks_holds_up_no_other_work() -> None:
    may_go = threading.Event()

    def token() -> str:
        assert may_go.wait(60)
        return "st_1"

    async with fake_server(works) as server, client_of(server, token=token) as client:
        await asyncio.sleep(0)
        may_go.set()
        await client.connected()


async def test_a_function_that_fails_is_asked_again_and_the_reason_said() -> None:
    tries = iter([True, True])

    def token() -> str:
        if next(tries, False):
            raise RuntimeError("the shop is closed")
        return "st_1"

    async with fake_server(works) as server, client_of(server, token=token) as client:
        await client.connected()
        assert len(server.visits) == 1

    def closed() -> str:
        raise RuntimeError("the shop is closed")

    options = Options(backoff_first_s=0.001, max_connect_attempts=2)
    async with fake_server(works) as server, client_of(server, options, token=closed) as client:
        with pytest.raises(ConnectionFailed, match="no token: the shop is closed"):
            await client.connected()
        assert server.visits == []


@pytest.mark.parametrize("token", [None, "", b"st_1"])
async def test_what_is_no_token_is_said(token: Any) -> None:
    options = Options(backoff_first_s=0.001, max_connect_attempts=2)
    async with fake_server(works) as server, client_of(server, options, token=lambda: token) as client:
        with pytest.raises(ConnectionFailed, match=f"no token: .* returned {token!r}"):
            await client.connected()
        assert server.visits == []


@pytest.mark.parametrize("make", [AsyncClient, Client])
def test_a_key_and_a_token_are_one_too_many(make: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match="either api_key or token"):
        make("http://localhost:1", api_key="k", token=lambda: "st_1")


async def test_the_client_for_threads_takes_one_too() -> None:
    async with fake_server(works) as server:

        def rated() -> str:
            with Client(server.url, token=lambda: "st_1", options=HURRIED, proxy=None) as client:
                return client.rate("A fine film").text

        assert await asyncio.to_thread(rated) == "A fine film"
        assert bearer(server.visits[0]) == "Bearer st_1"

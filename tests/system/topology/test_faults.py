"""Parts of a site are killed, stopped and started again while people type: no newest text is lost."""

import asyncio
import contextlib

import httpx
import pytest
from redis import Redis
from starcast_client import AsyncClient, State

from tests.timing import PATIENCE_S
from tools.topology.events import frozen, killed, upgraded, with_frozen_stores, without_postgres, without_redis
from tools.topology.services import wait_until
from tools.topology.site import Site
from tools.topology.typists import type_through

pytestmark = pytest.mark.long


async def nothing() -> None:
    """No event: people just type."""


@pytest.mark.ci
async def test_no_typist_loses_the_newest_text_when_a_replica_is_killed(site: Site) -> None:
    async with killed(site) as event:
        typed = await type_through(site, event)
    assert all(each.is_answered for each in typed)
    # A third of them sat there; the others noticed nothing.
    assert 0 < sum(each.reconnections > 0 for each in typed) < len(typed)


async def test_a_replica_that_stands_still_is_left_for_another(site: Site) -> None:
    async with frozen(site) as event:
        typed = await type_through(site, event)
    assert all(each.is_answered for each in typed)
    assert 0 < sum(each.reconnections > 0 for each in typed) < len(typed)


async def test_a_page_is_had_from_another_replica_while_one_stands_still(site: Site) -> None:
    async with (
        frozen(site) as freeze,
        httpx.AsyncClient(base_url=site.url, verify=site.tls, trust_env=False, timeout=60) as browser,
    ):
        await freeze()
        # A third of them wait there until the proxy asks another one.
        waited = await asyncio.gather(*(browser.get("/about/") for _ in range(12)))
        assert [page.status_code for page in waited] == [200] * 12
        assert 3 <= sum(page.elapsed.total_seconds() > 10 for page in waited) < 12
        pages = await asyncio.gather(*(browser.get("/about/") for _ in range(12)))
        assert [page.status_code for page in pages] == [200] * 12
        # Now that it is known, it is tried again by one at the most.
        assert sum(page.elapsed.total_seconds() > 10 for page in pages) <= 1


@pytest.mark.ci
async def test_no_typist_loses_the_newest_text_in_a_rolling_upgrade(site: Site) -> None:
    logged = len(site.proxy.log.read_text())
    async with upgraded(site) as event:
        typed = await type_through(site, event)
    assert all(each.is_answered for each in typed)
    # Two of three are up at any time, so every request finds one.
    assert '"status":502' not in site.proxy.log.read_text()[logged:]
    assert "Traceback" not in site.logged()


async def test_without_redis_rating_goes_on_and_rates_are_shared_again_when_it_is_back(site: Site) -> None:
    async def type_meanwhile() -> None:
        await type_through(site, nothing, typists=3)

    async with without_redis(site, type_meanwhile) as event:
        typed = await type_through(site, event)
    assert all(each.is_answered for each in typed)
    assert not any(each.reconnections for each in typed)
    assert "Redis failed" in site.logged()
    assert "Traceback" not in site.logged()

    async def shared() -> None:
        with Redis(port=site.redis.port) as client:
            while not client.keys("starcast:bucket:address:127.0.0.1"):
                await type_meanwhile()

    await asyncio.wait_for(shared(), timeout=60)


async def test_without_postgresql_rating_goes_on_and_keys_are_checked_again_when_it_is_back(site: Site) -> None:
    key = (await asyncio.to_thread(site.manage, "apikey", "create", "faults")).split()[-1]
    states: list[State] = []

    async def refused() -> None:
        await type_through(site, nothing, typists=3)
        async with httpx.AsyncClient(
            base_url=site.url, verify=site.tls, trust_env=False, timeout=PATIENCE_S
        ) as browser:
            assert (await browser.get("/")).status_code == 200
            answer = await browser.post(
                "/api/v1/predict", json={"text": "A film"}, headers={"Authorization": f"Bearer {key}"}
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
        keyed = await stack.enter_async_context(site.client(api_key=key, on_state=states.append))
        keyed.update("A fine film")
        clients.append(keyed)
        await asyncio.to_thread(wait_until, lambda: State.RECONNECTING in states, "it was let in")

    clients: list[AsyncClient] = []
    async with contextlib.AsyncExitStack() as stack, without_postgres(site, refused) as event:
        typed = await type_through(site, event)
        await clients[0].flush()
    assert all(each.is_answered for each in typed)
    assert not any(each.reconnections for each in typed)


async def test_rating_goes_on_and_keys_are_refused_in_time_while_redis_and_postgresql_hang(site: Site) -> None:
    async with with_frozen_stores(site) as event:
        typed = await type_through(site, event)
        await type_through(site, nothing, typists=3)
        async with httpx.AsyncClient(base_url=site.url, verify=site.tls, trust_env=False, timeout=60) as browser:
            wrong = {"Authorization": "Bearer sc_" + "w" * 43}
            refused = await browser.post("/api/v1/predict", json={"text": "A film"}, headers=wrong)
            assert refused.json()["error"]["code"] == "internal"
            assert (await browser.post("/api/v1/predict", json={"text": "A film"})).status_code == 200
            assert (await browser.get("/")).status_code == 200
    assert all(each.is_answered for each in typed)
    assert not any(each.reconnections for each in typed)


async def test_a_locked_database_holds_up_no_typist(site: Site) -> None:
    async def lock() -> None:
        with site.postgres.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE live_apikey IN ACCESS EXCLUSIVE MODE")
            async with httpx.AsyncClient(base_url=site.url, verify=site.tls, trust_env=False, timeout=60) as browser:
                waiting = asyncio.create_task(
                    browser.post(
                        "/api/v1/predict", json={"text": ""}, headers={"Authorization": "Bearer sc_" + "w" * 43}
                    )
                )
                await type_through(site, nothing, typists=3)
                assert (await waiting).json()["error"]["code"] == "internal"

    typed = await type_through(site, lock)
    assert all(each.is_answered for each in typed)
    assert not any(each.reconnections for each in typed)

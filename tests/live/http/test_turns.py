"""One address's pages are made one at a time, and nobody else waits for them."""

import asyncio

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from live.http.turns import _turns, turns

REQUESTS = 4


class Pages:
    """Counts how many pages are made at once."""

    def __init__(self) -> None:
        self.at_once = self.most = 0

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        return HttpResponse()


async def most_at_once(*requests: HttpRequest) -> int:
    pages = Pages()
    middleware = turns(pages)
    answers = await asyncio.gather(*(middleware(request) for request in requests))
    assert [answer.status_code for answer in answers] == [200] * len(requests)
    assert not _turns, "nothing is kept of an address that waits for nothing"
    return pages.most


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_pages_of_one_address_are_made_one_at_a_time(method: str) -> None:
    assert await most_at_once(*(RequestFactory().generic(method, "/about/") for _ in range(REQUESTS))) == 1


async def test_addresses_do_not_wait_for_each_other() -> None:
    addresses = (f"192.0.2.{number}" for number in range(REQUESTS))
    requests = [RequestFactory().get("/about/", REMOTE_ADDR=address) for address in addresses]
    assert await most_at_once(*requests, *requests) == REQUESTS


async def test_ratings_do_not_wait() -> None:
    assert await most_at_once(*(RequestFactory().post("/api/v1/predict") for _ in range(REQUESTS))) == REQUESTS


async def test_pages_do_not_wait_for_what_waits_for_the_database() -> None:
    paths = ("/api/v1/model", "/api/v1/usage", "/admin/login/", "/")
    assert await most_at_once(*(RequestFactory().get(path) for path in paths)) == len(paths)


async def test_who_leaves_while_waiting_gives_up_the_turn() -> None:
    begun, end = asyncio.Event(), asyncio.Event()

    async def page(request: HttpRequest) -> HttpResponse:
        begun.set()
        await end.wait()
        return HttpResponse()

    middleware = turns(page)
    first, leaver, last = (asyncio.ensure_future(middleware(RequestFactory().get("/"))) for _ in range(3))
    await begun.wait()
    leaver.cancel()
    end.set()
    assert [(await answer).status_code for answer in (first, last)] == [200, 200]
    assert leaver.cancelled()

"""Token buckets, alone and shared through Redis."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from pytest_django.fixtures import Settings

from live.access import redis, token_buckets
from live.access.token_buckets import SharedBucket, TokenBucket, spend_all
from tools.servers import free_port


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_bucket_gives_its_burst_at_once_and_refills_by_the_second(clock: list[float]) -> None:
    bucket = TokenBucket(per_s=2, burst=3)
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    clock[0] += 0.5
    assert [bucket.take() for _ in range(2)] == [True, False]
    assert not bucket.is_full()
    clock[0] += 60
    assert bucket.is_full()
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_several_tokens_are_taken_together_or_not_at_all(clock: list[float]) -> None:
    bucket = TokenBucket(per_s=1, burst=10)
    assert bucket.take(8)
    assert not bucket.take(3)
    assert bucket.take(2)
    clock[0] += 60
    assert bucket.take(4)
    assert bucket.take(64), "half of the burst buys anything"
    clock[0] += 58
    assert not bucket.take(), "and leaves a debt"
    clock[0] += 1
    assert bucket.take()


def test_a_bucket_says_how_long_to_wait_and_then_gives(clock: list[float]) -> None:
    bucket = TokenBucket(per_s=1 / 3, burst=10)
    assert bucket.wait_s(10) == 0
    assert bucket.take(9)
    for tokens in (4, 64):
        wait_s = bucket.wait_s(tokens)
        assert wait_s == pytest.approx((min(tokens, 5) - 1) * 3)
    clock[0] += bucket.wait_s(4)
    assert bucket.take(4)


def test_returned_tokens_can_be_spent_again(clock: list[float]) -> None:
    bucket = TokenBucket(per_s=1, burst=10)
    assert bucket.take(6)
    assert not bucket.take(64)
    bucket.give_back(1)
    assert bucket.take(64)


def test_tokens_of_several_buckets_are_taken_together_or_not_at_all(clock: list[float]) -> None:
    full, short = TokenBucket(per_s=1, burst=10), TokenBucket(per_s=2, burst=10)
    assert short.take(8)
    assert spend_all([(full, 10), (short, 6)]) == 1.5
    assert full.wait_s(10) == 0
    assert spend_all([(full, 10), (short, 2)]) == 0
    assert (full.wait_s(), short.wait_s()) == (1, 0.5)


@pytest.fixture
async def client() -> AsyncIterator[None]:
    """Close the connections to Redis, for their event loop ends with the test."""
    yield
    if redis._client is not None:
        await redis._client[1].aclose()


def shared(burst: float = 200) -> SharedBucket:
    return SharedBucket(TokenBucket(0.01, burst), "test", 0.01, burst)


async def take_all(processes: list[SharedBucket], rounds: int) -> int:
    taken = 0
    for _ in range(rounds):
        taken += sum(bucket.take() for bucket in processes)
        for bucket in processes:
            if bucket._fetching is not None:
                await bucket._fetching
    return taken


async def test_two_processes_share_one_budget_through_redis(client: None, redis_url: str, settings: Settings) -> None:
    settings.REDIS_URL = redis_url
    first, second = shared(), shared()
    taken = await take_all([first, second], 250)
    # Each may overdraw by what it takes while it asks.
    assert 200 <= taken <= 204
    assert not first.take()


async def test_processes_together_allow_what_is_promised_within_5_percent(
    client: None, redis_url: str, settings: Settings
) -> None:
    settings.REDIS_URL = redis_url
    per_s, burst, price = 20_000, 20_000, 40
    processes = [SharedBucket(TokenBucket(per_s, burst), "promised", per_s, burst) for _ in range(3)]
    await token_buckets._redis_take("promised", per_s, burst, 0)  # The first use imports the client and connects.
    since = time.monotonic()
    units = 0
    while time.monotonic() < since + 3:
        for _ in range(20):
            units += sum(price for bucket in processes if not spend_all([(bucket, price)]))
        await asyncio.sleep(0.001)
    await asyncio.gather(*(bucket._fetching for bucket in processes if bucket._fetching))
    left, _ = await token_buckets._redis_take("promised", per_s, burst, 2 * burst)
    promised = burst + per_s * (time.monotonic() - since)
    assert units <= 1.05 * promised
    # On a busy machine more is left to take, since each process asks less often.
    assert units + left + sum(bucket._ahead for bucket in processes) == pytest.approx(promised, rel=0.05)


async def test_without_redis_each_process_keeps_its_own_budget(
    client: None, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = f"redis://user:secret@127.0.0.1:{free_port()}/0"
    assert await take_all([shared()], 250) == 200
    assert "not shared for now" in caplog.text
    assert "secret" not in caplog.text


async def test_a_bucket_that_redis_calls_empty_says_when_to_ask_again(
    clock: list[float], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def give_one(*_: object) -> tuple[int, int]:
        return 1, 5_000

    monkeypatch.setattr("live.access.token_buckets._redis_take", give_one)
    bucket = SharedBucket(TokenBucket(1, 200), "test", 1, 200)
    assert bucket.take(3)
    assert bucket._fetching is not None
    await bucket._fetching
    assert not bucket.take()
    assert bucket.wait_s() == pytest.approx(5)
    assert spend_all([(bucket, 1)]) > 0
    clock[0] += 5
    assert bucket.take()


async def test_taking_never_waits_for_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()

    async def hang(*_: object) -> tuple[int, int]:
        asked.set()
        await asyncio.Event().wait()
        return 0, 0

    monkeypatch.setattr("live.access.token_buckets._redis_take", hang)
    bucket = shared()
    assert bucket.take()
    await asked.wait()
    assert [bucket.take() for _ in range(100)] == [True] * 3 + [False] * 97, "on credit, but for little"
    assert bucket._fetching is not None
    bucket._fetching.cancel()

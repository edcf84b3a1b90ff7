"""Short-lived tokens: what they open, once and for how long."""

import base64
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from pytest_django.fixtures import Settings

from live.access import redis, tokens
from live.access.authentication import BEARER_SUBPROTOCOL, identify
from live.access.keys import KnownKey, create_key
from live.access.tokens import lowered, make_token
from live.limits import Limits
from live.messages.protocol import ProtocolError
from live.messages.tokens import TokenLimits, TokenRequest
from live.models import ApiKey, UsedToken

pytestmark = pytest.mark.django_db(transaction=True)

HOST = (b"host", b"localhost:8000")
SHOP = (b"origin", b"https://shop.example")


async def new_key() -> tuple[ApiKey, KnownKey]:
    record, _ = await database_sync_to_async(create_key)("shop")
    return record, KnownKey(record.pk, record.prefix)


async def connect(token: str, *headers: tuple[bytes, bytes]) -> KnownKey | None:
    offered = BEARER_SUBPROTOCOL + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return await identify([HOST, *headers], ["starcast.v1", offered])


async def refusal(token: str, *headers: tuple[bytes, bytes]) -> str:
    with pytest.raises(ProtocolError) as raised:
        await connect(token, *headers)
    return raised.value.code


def after(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time() + seconds
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: now))


async def test_a_token_opens_one_connection_of_a_page_without_the_key(settings: Settings) -> None:
    settings.STARCAST_REQUIRE_KEY = True
    _, key = await new_key()
    token = make_token(key, TokenRequest(reference="visitor 7", limits=TokenLimits(max_chars=100)))
    known = await connect(token, SHOP)
    assert known == KnownKey(key.id, key.prefix, "visitor 7", TokenLimits(max_chars=100))
    assert await refusal(token, SHOP) == "key_invalid"
    assert (await connect(make_token(key, TokenRequest()), SHOP)) is not None


async def test_a_program_sends_it_as_a_header() -> None:
    _, key = await new_key()
    token = make_token(key, TokenRequest())
    assert await identify([HOST, (b"authorization", f"Bearer {token}".encode())], []) is not None


async def test_a_token_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = await new_key()
    first, second = (make_token(key, TokenRequest(ttl_s=10)) for _ in range(2))
    after(monkeypatch, 9)
    assert await connect(first) is not None
    after(monkeypatch, 11)
    assert await refusal(second) == "key_invalid"


async def test_a_token_of_an_origin_is_for_its_pages_alone_and_not_used_up_by_others() -> None:
    _, key = await new_key()
    token = make_token(key, TokenRequest(origin="https://Shop.example"))
    assert await refusal(token, (b"origin", b"https://evil.example")) == "origin_refused"
    assert await refusal(token) == "origin_refused"
    assert await connect(token, SHOP) is not None


@pytest.mark.parametrize("how", ["revoke", "delete"])
async def test_a_token_of_a_revoked_key_is_refused(how: str) -> None:
    record, key = await new_key()
    token = make_token(key, TokenRequest())
    await database_sync_to_async(getattr(record, how))()
    assert await refusal(token) == "key_invalid"


@pytest.mark.parametrize("change", [str.upper, lambda token: token[:-1], lambda token: token + "é", lambda _: "st_"])
async def test_a_token_that_was_changed_is_refused(change: Any) -> None:
    _, key = await new_key()
    token = change(make_token(key, TokenRequest()))
    assert await refusal("st_" + token.removeprefix("st_")) == "key_invalid"


async def test_http_takes_no_token() -> None:
    _, key = await new_key()
    token = make_token(key, TokenRequest())
    with pytest.raises(ProtocolError) as raised:
        await identify([HOST, (b"authorization", f"Bearer {token}".encode())])
    assert raised.value.code == "key_invalid"


async def test_a_used_token_is_forgotten_once_it_has_ended(settings: Settings) -> None:
    _, key = await new_key()
    await connect(make_token(key, TokenRequest()))
    await UsedToken.objects.aupdate(ends="2020-01-01T00:00Z")
    await connect(make_token(key, TokenRequest()))
    assert await UsedToken.objects.acount() == 1


async def test_while_the_database_is_down_a_client_is_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = await new_key()

    def locked(*_: Any) -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr(tokens, "_note_use", locked)
    assert await refusal(make_token(key, TokenRequest())) == "internal"


@pytest.fixture
async def client() -> AsyncIterator[None]:
    """Close the connections to Redis, for their event loop ends with the test."""
    yield
    if redis._client is not None:
        await redis._client[1].aclose()


async def test_with_redis_all_servers_know_which_were_used(client: None, redis_url: str, settings: Settings) -> None:
    settings.REDIS_URL = redis_url
    _, key = await new_key()
    token = make_token(key, TokenRequest())
    assert await connect(token) is not None
    assert await refusal(token) == "key_invalid"
    assert await UsedToken.objects.acount() == 0
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    await redis.redis_client().aclose()
    redis._client = None
    assert await refusal(make_token(key, TokenRequest())) == "internal"


def test_limits_of_a_token_only_lower_those_of_the_server() -> None:
    limits = Limits(max_chars=1_000, work_per_s=100)
    key = KnownKey(1, "sc_", limits=TokenLimits(max_chars=10, work_per_s=5_000))
    own = lowered(limits, key)
    assert (own.max_chars, own.work_per_s, own.work_burst) == (10, 100, limits.work_burst)
    assert lowered(limits, None) is lowered(limits, KnownKey(1, "sc_")) is limits

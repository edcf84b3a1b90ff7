"""Making and looking up API keys."""

import asyncio
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.core.exceptions import ValidationError
from django.db import connection

from live.access import keys
from live.access.keys import create_key, find_key, forget_keys
from live.models import ApiKey

pytestmark = pytest.mark.django_db(transaction=True)
new_key = database_sync_to_async(create_key)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    forget_keys()


def test_a_key_is_random_and_stored_as_its_digest_only() -> None:
    record, key = create_key("reader")
    assert key.startswith("sc_")
    assert len(key) == 3 + 43
    assert key != create_key("reader")[1]
    with connection.cursor() as cursor:
        cursor.execute("select * from live_apikey")
        assert key not in str(cursor.fetchall())
    assert key.startswith(record.prefix)


@pytest.mark.parametrize("name", ["", "n" * 101])
def test_a_key_needs_a_name_of_some_length(name: str) -> None:
    with pytest.raises(ValidationError):
        create_key(name)


async def test_a_key_is_found_until_it_is_revoked() -> None:
    record, key = await new_key("reader")
    found = await find_key(key)
    assert found is not None
    assert (found.id, found.prefix) == (record.pk, record.prefix)
    await database_sync_to_async(record.revoke)()
    forget_keys()
    assert await find_key(key) is None


async def test_a_malformed_key_is_not_found() -> None:
    _, key = await new_key("reader")
    for wrong in ("", "sc_", key[:-1], key[:11], key + "x", key[:-1] + "é", "\ud800", "\0"):
        assert await find_key(wrong) is None


async def test_lookups_of_one_key_ask_the_database_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    _, key = await new_key("reader")
    asked = 0
    look_up = keys._look_up

    def counted(*arguments: Any) -> Any:
        nonlocal asked
        asked += 1
        return look_up(*arguments)

    monkeypatch.setattr(keys, "_look_up", counted)
    for _ in range(10):
        assert await find_key(key)
    assert asked == 1
    monkeypatch.setattr(keys, "_CACHE_S", -1.0)
    forget_keys()
    await find_key(key)
    await find_key(key)
    assert asked == 3


async def test_many_keys_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_CACHE_SIZE", 2)
    made = [(await new_key(str(number)))[1] for number in range(4)]
    await asyncio.gather(*map(find_key, made))
    await find_key("sc_wrong")
    assert len(keys._cache) == 2


def test_a_key_that_is_revoked_twice_keeps_its_first_time() -> None:
    record, _ = create_key("reader")
    record.revoke()
    first = record.revoked
    record.revoke()
    assert ApiKey.objects.get().revoked == first

"""Closing the sockets of revoked keys, and noting when keys were used."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from django.db.models import QuerySet

from live.access import revocation
from live.access.keys import KnownKey, create_key
from live.access.revocation import KeyWatch
from live.access.usage import Usage, stored_usage
from live.models import ApiKey

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation, "_POLL_S", 0.01)


async def new_key() -> tuple[ApiKey, KnownKey]:
    record, _ = await database_sync_to_async(create_key)("reader")
    return record, KnownKey(record.pk, record.prefix)


async def last_used(record: ApiKey) -> datetime | None:
    return (await ApiKey.objects.aget(pk=record.pk)).last_used


async def finished(watch: KeyWatch) -> None:
    assert watch._task is not None
    async with asyncio.timeout(30):
        await watch._task


@pytest.mark.parametrize("how", ["revoke", "delete"])
async def test_a_revoked_key_is_told_once_and_others_are_not(how: str) -> None:
    watch = KeyWatch()
    (record, known), (_, other) = await new_key(), await new_key()
    told: list[str] = []

    async def on_revoked() -> None:
        told.append("revoked")
        watch.remove(on_other)

    async def on_other() -> None:
        told.append("other")

    watch.add(known, on_revoked)
    watch.add(other, on_other)
    await database_sync_to_async(getattr(record, how))()
    await finished(watch)
    assert told == ["revoked"]


async def test_a_socket_that_fails_to_close_is_tried_again_and_keeps_no_other_open(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watch = KeyWatch()
    record, known = await new_key()
    told: list[str] = []

    async def fails_once() -> None:
        told.append("fails once")
        if told.count("fails once") == 1:
            raise OSError("the socket was told to fail")

    async def other() -> None:
        told.append("other")

    watch.add(known, fails_once)
    watch.add(known, other)
    await database_sync_to_async(record.revoke)()
    await finished(watch)
    assert told == ["fails once", "other", "fails once"]
    assert caplog.text.count("OSError: the socket was told to fail") == 1


async def test_the_last_use_is_written_once_for_many_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = KeyWatch()
    record, known = await new_key()
    for _ in range(100):
        watch.note_use(known)
    await finished(watch)
    first = await last_used(record)
    assert first is not None
    watch.note_use(known)
    await watch._write_used()
    assert await last_used(record) == first, "at most once a minute"
    watch._written = float("-inf")
    await finished(watch)
    second = await last_used(record)
    assert second is not None
    assert second > first


async def test_a_database_that_fails_for_a_while_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = KeyWatch()
    record, known = await new_key()
    failures = iter([True, True])
    write = revocation._write

    def sometimes(*used: Any) -> None:
        if next(failures, False):
            raise OperationalError("database is locked")
        write(*used)

    monkeypatch.setattr(revocation, "_write", sometimes)
    monkeypatch.setattr(revocation, "_WRITE_S", 0.0)
    watch.note_use(known)
    await finished(watch)
    assert await last_used(record) is not None


async def test_usage_is_counted_once_where_the_database_fails_in_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = KeyWatch()
    _, known = await new_key()
    failures = iter([True, True])
    update = QuerySet.update

    def sometimes(rows: QuerySet[ApiKey], **fields: Any) -> int:
        if "last_used" in fields and next(failures, False):
            raise OperationalError("database is locked")
        return update(rows, **fields)

    monkeypatch.setattr(QuerySet, "update", sometimes)
    monkeypatch.setattr(revocation, "_WRITE_S", 0.0)
    watch.note_use(known)
    watch.note_usage(known, Usage(texts=1, tokens=10))
    await finished(watch)
    assert await database_sync_to_async(stored_usage)(known.id) == {"": Usage(texts=1, tokens=10)}

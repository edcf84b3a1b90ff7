"""Which clients are admitted: pages, programs, with and without keys."""

import base64
import logging

import pytest
from channels.db import database_sync_to_async
from django.db import OperationalError
from pytest_django.fixtures import Settings

from live.access import authentication as auth
from live.access.authentication import BEARER_SUBPROTOCOL, identify, without_keys
from live.access.keys import KnownKey, create_key, forget_keys
from live.messages.protocol import ProtocolError

HOST = (b"host", b"localhost:8000")
OWN = (b"origin", b"http://localhost:8000")
FOREIGN = (b"origin", b"https://evil.example")
new_key = database_sync_to_async(create_key)


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    forget_keys()


def bearer(key: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {key}".encode()


def subprotocol(key: str) -> str:
    return BEARER_SUBPROTOCOL + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


async def refusal(*headers: tuple[bytes, bytes], offered: tuple[str, ...] = ()) -> str:
    with pytest.raises(ProtocolError) as raised:
        await identify([HOST, *headers], offered)
    return raised.value.code


async def test_without_a_key_programs_and_the_own_page_are_welcome() -> None:
    assert await identify([HOST]) is None
    assert await identify([HOST, OWN]) is None
    assert await refusal(FOREIGN) == "origin_refused"


async def test_a_page_that_is_not_of_the_requested_host_is_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        assert await refusal(FOREIGN) == "origin_refused"
    (record,) = caplog.records
    assert "Host" in record.message
    assert "evil" not in record.message


async def test_where_keys_are_required_the_own_page_alone_works_without(settings: Settings) -> None:
    settings.STARCAST_REQUIRE_KEY = True
    settings.STARCAST_ORIGINS = ["https://reviews.example"]
    assert await refusal() == "key_missing"
    assert await refusal((b"authorization", b"Basic dXNlcg==")) == "key_missing"
    assert await refusal((b"origin", b"https://reviews.example")) == "key_missing"
    assert await identify([HOST, OWN]) is None


@pytest.mark.django_db(transaction=True)
async def test_a_valid_key_opens_the_door_in_either_form_and_for_any_page(settings: Settings) -> None:
    settings.STARCAST_REQUIRE_KEY = True
    record, key = await new_key("reader")
    known = KnownKey(record.pk, record.prefix)
    assert await identify([HOST, FOREIGN, bearer(key)]) == known
    assert await identify([HOST, FOREIGN], ["starcast.v1", subprotocol(key)]) == known
    assert await identify([HOST, (b"authorization", b"bearer " + key.encode())]) == known


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("offered", ["", "!!!", "é", "sc_" + "a" * 43, "c2NfYQ", "/w"])
async def test_a_wrong_or_malformed_key_is_invalid_even_from_the_own_page(offered: str) -> None:
    assert await refusal(OWN, offered=(BEARER_SUBPROTOCOL + offered,)) == "key_invalid"
    assert await refusal(OWN, bearer(offered)) == "key_invalid"


async def test_a_failing_database_affects_only_clients_with_a_key(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def locked(_: str) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(auth, "find_key", locked)
    assert await identify([HOST]) is None
    assert await refusal(bearer("sc_secret")) == "internal"
    assert "locked" in caplog.text
    assert "sc_secret" not in caplog.text


@pytest.mark.django_db(transaction=True)
async def test_keys_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, key = await new_key("reader")
    await identify([HOST, bearer(key)])
    await refusal(bearer(key[:-1] + "!"))
    assert key[11:-1] not in caplog.text


def test_a_key_is_never_echoed_as_the_subprotocol() -> None:
    assert without_keys(["starcast.v1", subprotocol("sc_a"), "chat"]) == ["starcast.v1", "chat"]

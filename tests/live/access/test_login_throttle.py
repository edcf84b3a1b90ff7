"""Attempts at admin passwords are limited."""

import logging

import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from pytest_django.fixtures import Settings

import live.access.login_throttle
from live.access.address_rates import AddressRates
from live.access.token_buckets import TokenBucket

WRONG = {"username": "root", "password": "not this one"}
RIGHT = {"username": "root", "password": "correct horse battery"}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_tried_before(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # A hash that is made slow on purpose leaves an address time for another attempt.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setattr(live.access.login_throttle, "_attempts", AddressRates("login"))


def use_up_attempts(address: str) -> None:
    while not live.access.login_throttle._attempts.spend(address, 10, 30):
        pass


def test_after_ten_attempts_an_address_has_to_wait_and_others_do_not() -> None:
    User.objects.create_superuser("root", password=RIGHT["password"])
    guesser, other = Client(REMOTE_ADDR="203.0.113.7"), Client(REMOTE_ADDR="203.0.113.8")
    statuses = [guesser.post("/admin/login/", WRONG).status_code for _ in range(12)]
    assert statuses == [200] * 10 + [429] * 2
    refused = guesser.post("/admin/login/", RIGHT)
    assert (refused.status_code, refused["Retry-After"]) == (429, "30")
    assert other.post("/admin/login/", RIGHT).status_code == 302
    assert guesser.get("/admin/login/").status_code == 200


async def test_it_holds_in_the_event_loop_too() -> None:
    use_up_attempts("127.0.0.1")
    assert (await AsyncClient().post("/admin/login/", WRONG)).status_code == 429
    assert (await AsyncClient().get("/healthz")).status_code == 200


def test_a_failure_is_logged_with_its_address_and_nothing_that_was_typed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Client(REMOTE_ADDR="203.0.113.7").post("/admin/login/", {"username": "my-password", "password": "x"})
    assert "203.0.113.7" in caplog.text
    assert "my-password" not in caplog.text


def test_of_refused_attempts_the_log_has_one_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.access.login_throttle, "_log", TokenBucket(1 / 60, 1))
    use_up_attempts("203.0.113.7")
    statuses = {Client(REMOTE_ADDR="203.0.113.7").post("/admin/login/", WRONG).status_code for _ in range(20)}
    assert statuses == {429}
    assert caplog.text.count("tried too often, from 203.0.113.7") == 1

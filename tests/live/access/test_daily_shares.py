"""What an address may do so many times a day."""

import time

import pytest

from live.access.daily_shares import DailyShares


def test_a_share_is_used_up_and_comes_back_over_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    shares = DailyShares("test")
    assert [shares.spend("a", 2) for _ in range(3)] == [0, 0, pytest.approx(43_200)]
    assert shares.spend("b", 2) == 0
    monkeypatch.setattr(time, "monotonic", lambda: now + 43_201)
    assert shares.spend("a", 2) == 0
    assert shares.spend("a", 2) > 43_000


def test_addresses_whose_share_is_whole_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    shares = DailyShares("test")
    for number in range(1_100):
        shares.spend(str(number), 2)
    monkeypatch.setattr(time, "monotonic", lambda: now + 86_400)
    for number in range(2_000):
        shares.spend(f"other {number}", 2)
    assert len(shares._buckets) < 2_500

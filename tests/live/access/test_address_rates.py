"""What an address may do so many times in a time."""

import time

import pytest

from live.access.address_rates import DAY_S, AddressRates


def test_a_rate_is_used_up_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rates = AddressRates("test")
    assert [rates.spend("a", 2, DAY_S / 2) for _ in range(3)] == [0, 0, pytest.approx(43_200)]
    assert rates.spend("b", 2, DAY_S / 2) == 0
    monkeypatch.setattr(time, "monotonic", lambda: now + 43_201)
    assert rates.spend("a", 2, DAY_S / 2) == 0
    assert rates.spend("a", 2, DAY_S / 2) > 43_000


def test_addresses_whose_rate_is_whole_again_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    rates = AddressRates("test")
    for number in range(1_100):
        rates.spend(str(number), 2, DAY_S / 2)
    monkeypatch.setattr(time, "monotonic", lambda: now + 86_400)
    for number in range(2_000):
        rates.spend(f"other {number}", 2, DAY_S / 2)
    assert len(rates._buckets) < 2_500

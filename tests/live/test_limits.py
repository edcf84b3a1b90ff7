"""Token buckets and the counting of connections."""

import time

import pytest

from live.buckets import TokenBucket
from live.limits import Admissions, Limits, shown_to_clients


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def in_memory() -> Admissions:
    return Admissions(lambda _, per_s, burst: TokenBucket(per_s, burst))


def test_an_address_and_the_process_have_room_for_so_many_connections() -> None:
    admissions = in_memory()
    limits = Limits(max_connections=3, max_connections_per_address=2)
    first = admissions.enter("a", limits)
    assert first is not None
    assert admissions.enter("a", limits) is not None
    assert admissions.enter("a", limits) is None
    assert admissions.enter("b", limits) is not None
    assert admissions.enter("c", limits) is None
    admissions.leave(first)
    assert len(admissions) == 2
    assert admissions.enter("c", limits) is not None


def test_connections_of_one_address_share_a_bucket_that_reconnecting_does_not_refill(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits(messages_per_s=1, burst=2, address_factor=2)
    taken = 0
    for _ in range(5):
        admission = admissions.enter("a", limits)
        assert admission is not None
        taken += sum(admission.take() for _ in range(3))
        admissions.leave(admission)
    assert taken == limits.burst * limits.address_factor


def test_connections_of_one_key_share_a_bucket_whatever_their_addresses(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits(messages_per_s=1, burst=2, address_factor=2)
    taken = 0
    for address in "abcde":
        admission = admissions.enter(address, limits, key="sc_1")
        assert admission is not None
        taken += sum(admission.take() for _ in range(3))
        admissions.leave(admission)
    assert taken == limits.burst * limits.address_factor
    assert not admissions.take("f", "sc_1", limits)
    assert admissions.take("f", "sc_2", limits)
    assert len(admissions._connections) == 0


def test_addresses_that_are_gone_and_refilled_are_forgotten(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits()
    for number in range(3_000):
        clock[0] += 1
        admission = admissions.enter(str(number), limits)
        assert admission is not None
        admission.take()
        admissions.leave(admission)
    assert len(admissions) == 0
    assert len(admissions._buckets) <= Admissions._SWEEP_ABOVE + 1


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="max_frame_bytes"):
        Limits(max_message_bytes=10, max_frame_bytes=9)
    with pytest.raises(ValueError, match="max_chars"):
        Limits(max_chars=20_001)


def test_clients_see_the_limits_they_can_act_on() -> None:
    assert shown_to_clients(Limits()) == {
        "max_message_bytes": 65_536,
        "max_chars": 20_000,
        "messages_per_s": 60,
        "burst": 600,
        "idle_timeout_s": 600,
    }

"""Token buckets and the counting of connections."""

import time
from collections import Counter

import pytest

from live.access.admissions import Admissions
from live.access.prices import CONNECTION, EXPLANATION, MESSAGE, REQUEST
from live.access.token_buckets import TokenBucket
from live.limits import Limits, shown_to_clients
from model_core.tokenization.pieces import PIECE_CHARS
from model_core.work import Size, units_of_chars


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def in_memory() -> Admissions:
    return Admissions(lambda _, per_s, burst: TokenBucket(per_s, burst))


def test_connections_are_limited_per_address_and_process() -> None:
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
    limits = Limits(work_per_s=1, work_burst=2, address_factor=2)
    taken = 0
    for _ in range(5):
        admission = admissions.enter("a", limits)
        assert admission is not None
        taken += sum(not admission.spend(1) for _ in range(3))
        admissions.leave(admission)
    assert taken == limits.work_burst * limits.address_factor


def test_connections_of_one_key_share_a_bucket_whatever_their_addresses(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits(work_per_s=1, work_burst=2, address_factor=2)
    taken = 0
    for address in "abcde":
        admission = admissions.enter(address, limits, key="sc_1")
        assert admission is not None
        taken += sum(not admission.spend(1) for _ in range(3))
        admissions.leave(admission)
    assert taken == limits.work_burst * limits.address_factor
    assert admissions.bill("f", limits).spend(1, "sc_1") > 0
    assert admissions.bill("f", limits).spend(1, "sc_2") == 0
    assert len(admissions._connections) == 0


def test_addresses_that_are_gone_and_refilled_are_forgotten(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits()
    for number in range(3_000):
        clock[0] += 1
        admission = admissions.enter(str(number), limits)
        assert admission is not None
        admission.spend(1)
        admissions.leave(admission)
    assert len(admissions) == 0
    assert len(admissions._buckets) <= Admissions._SWEEP_ABOVE + 1


def test_addresses_that_must_be_remembered_are_not_looked_through_at_every_call(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = Counter[str]()
    is_full = TokenBucket.is_full
    monkeypatch.setattr(TokenBucket, "is_full", lambda bucket: looked_at.update(["times"]) or is_full(bucket))
    admissions = in_memory()
    limits = Limits()
    for number in range(10_000):
        admissions.bill(str(number), limits).spend(1)
    assert looked_at["times"] <= 2 * 10_000
    clock[0] += 60
    for number in range(10_000):
        admissions.bill(f"later {number}", limits).spend(1)
        clock[0] += 1
    assert len(admissions._buckets) < 10_000


def test_a_bill_is_paid_in_one_step_and_costs_nothing_where_it_is_refused(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits(work_per_s=1, work_burst=10, address_factor=1)
    bill = admissions.bill("a", limits)
    assert bill.spend(1) == 0
    assert bill.spend(10, "sc_1") == 0, "what was paid first counts"
    refused = admissions.bill("b", limits)
    assert refused.spend(1) == 0
    assert refused.spend(1, "sc_1") == 1
    assert admissions.bill("b", limits).spend(10) == 0


def test_work_costs_the_connection_its_address_and_its_key_the_same(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits(work_per_s=1, work_burst=100, address_factor=2)
    one, two, three = (admissions.enter("a", limits, key="sc_1") for _ in range(3))
    assert one is not None and two is not None and three is not None  # noqa: PT018 - for the type checker
    assert one.spend(64) == 0
    assert one.spend(50) == 14, "the connection's own"
    assert two.spend(100) == 0
    assert three.spend(64) == 14, "those of address and key"
    assert [admission.group for admission in (one, two)] == ["key:sc_1"] * 2


def test_what_a_request_costs_more_is_added_to_its_bill(clock: list[float]) -> None:
    admissions = in_memory()
    limits = Limits(work_per_s=1, work_burst=100, address_factor=1)
    bill = admissions.bill("a", limits)
    assert [bill.spend(5), bill.add(60)] == [0, 0]
    assert bill.group == "address:a"
    assert bill.add(50) == 15
    assert bill.spend(100, "sc_1") == 0, "what was paid to the address is given back first"


def test_a_class_of_60_typists_behind_one_address_is_within_its_rate(clock: list[float]) -> None:
    admissions, limits = in_memory(), Limits()
    typists = [admissions.enter("school", limits) for _ in range(60)]
    # A key in a text of 512 tokens: its message, its last piece, its last block and the tokens before.
    key = MESSAGE + units_of_chars(PIECE_CHARS) + Size(9, 500).units
    for _ in range(60 * 6):
        clock[0] += 1 / 6
        assert not any(typist is None or typist.spend(key) for typist in typists)


def test_the_same_class_may_open_the_page_at_once_and_have_its_pauses_explained(clock: list[float]) -> None:
    admissions, limits = in_memory(), Limits()
    for _ in range(60):
        for _ in ("page", "words", "icon", "manifest"):
            assert not admissions.bill("school", limits).spend(REQUEST)
        assert not admissions.bill("school", limits).spend(CONNECTION)
    typists = [admissions.enter("school", limits) for _ in range(60)]
    for _ in range(3):
        assert not any(typist is None or typist.spend(MESSAGE + EXPLANATION) for typist in typists)


def test_a_typist_without_websockets_has_each_of_ten_keys_a_second_rated(clock: list[float]) -> None:
    admissions, limits = in_memory(), Limits(address_factor=1)
    # Over HTTP a text is tokenised and encoded as a whole: here 120 characters in 40 tokens.
    key = REQUEST + MESSAGE + units_of_chars(120) + Size(40).units
    for _ in range(10 * 60):
        clock[0] += 0.1
        assert not admissions.bill("a", limits).spend(key)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="max_frame_bytes"):
        Limits(max_message_bytes=10, max_frame_bytes=9)
    with pytest.raises(ValueError, match="ping_timeout_s"):
        Limits(ping_interval_s=10, ping_timeout_s=10)
    with pytest.raises(ValueError, match="max_chars"):
        Limits(max_chars=20_001)


def test_clients_see_the_limits_they_can_act_on() -> None:
    assert shown_to_clients(Limits()) == {
        "max_message_bytes": 65_536,
        "max_chars": 20_000,
        "work_per_s": 1_200,
        "work_burst": 12_000,
        "max_malformed": 20,
        "idle_timeout_s": 600,
    }

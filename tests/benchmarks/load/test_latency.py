"""What a histogram holds, and which keys an answer settles."""

import pytest
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

from benchmarks.load.latency import Latencies, Ledger, Tally


@pytest.fixture
def tally() -> Tally:
    """Keys due from 100 s to 200 s count."""
    tally = Tally()
    tally.window_s = 100.0, 200.0
    return tally


def test_percentiles_are_in_milliseconds_and_exact_to_three_digits() -> None:
    latencies = Latencies()
    for milliseconds in range(1, 1001):
        latencies.record(milliseconds / 1000)
    assert latencies.summary_ms() == {
        "p50": pytest.approx(500, rel=2e-3),
        "p95": pytest.approx(950, rel=2e-3),
        "p99": pytest.approx(990, rel=2e-3),
        "max": pytest.approx(1000, rel=2e-3),
    }


def test_nothing_recorded_is_no_percentile() -> None:
    assert Latencies().summary_ms() == {"p50": None, "p95": None, "p99": None, "max": None}


def test_what_lies_outside_of_the_histogram_counts_at_its_edge() -> None:
    latencies = Latencies()
    for seconds in (0.0, 10_000.0):
        latencies.record(seconds)
    assert len(latencies) == 2
    assert latencies.percentile_ms(100) == pytest.approx(600_000, rel=2e-3)


def test_the_encoded_histogram_is_one_that_others_can_read() -> None:
    latencies = Latencies()
    latencies.record(0.25)
    read = HdrHistogram.decode(latencies.encoded())
    assert read.get_value_at_percentile(50) == pytest.approx(250_000, rel=2e-3)


def test_an_answer_settles_its_key_and_all_before_it_from_the_time_each_was_due(tally: Tally) -> None:
    ledger = Ledger(tally)
    for seq, due_s in ((1, 110.0), (2, 111.0), (3, 112.0)):
        ledger.typed(seq, due_s, due_s)
    ledger.answered(2, 112.5)
    settled_before = ledger.settled
    assert len(tally.latencies) == 2
    assert tally.latencies.percentile_ms(100) == pytest.approx(2500, rel=2e-3)
    ledger.answered(3, 113.0)
    assert (settled_before, ledger.settled) == (False, True)
    assert len(tally.latencies) == tally.keys == 3
    assert tally.answers == 2


def test_an_answer_counts_once_and_a_repeated_one_settles_nothing_more(tally: Tally) -> None:
    ledger = Ledger(tally)
    ledger.typed(1, 110.0, 110.0)
    ledger.answered(1, 110.1)
    ledger.answered(1, 150.0)
    assert len(tally.latencies) == 1


def test_only_keys_due_within_the_window_count(tally: Tally) -> None:
    ledger = Ledger(tally)
    for seq, due_s in ((1, 99.9), (2, 100.0), (3, 199.9), (4, 200.0)):
        ledger.typed(seq, due_s, due_s)
    ledger.answered(4, 201.0)
    assert len(tally.latencies) == tally.keys == 2
    assert tally.answers == 0, "the answer came after the window"


def test_a_late_client_is_told_apart_from_a_late_server(tally: Tally) -> None:
    ledger = Ledger(tally)
    ledger.typed(1, 110.0, 110.5)
    ledger.answered(1, 110.6)
    assert tally.lateness.percentile_ms(100) == pytest.approx(500, rel=2e-3)
    assert tally.latencies.percentile_ms(100) == pytest.approx(600, rel=2e-3)


def test_keys_that_are_never_answered_count_up_to_the_moment_they_are_given_up(tally: Tally) -> None:
    ledger = Ledger(tally)
    ledger.typed(1, 110.0, 110.0)
    ledger.typed(2, 120.0, 120.0)
    ledger.give_up(210.0)
    assert len(tally.latencies) == 2
    assert tally.latencies.percentile_ms(100) == pytest.approx(100_000, rel=2e-3)


def test_before_the_window_is_set_nothing_counts() -> None:
    tally = Tally()
    ledger = Ledger(tally)
    ledger.typed(1, 5.0, 5.0)
    ledger.answered(1, 6.0)
    assert (tally.keys, tally.answers, len(tally.latencies)) == (0, 0, 0)

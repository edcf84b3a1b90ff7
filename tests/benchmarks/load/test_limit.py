"""The search for the most typists, with a runner that knows the answer."""

import pytest

from benchmarks.load.limit import find_limit


def search(limit: int, most: int = 1024, resolution: float = 0.0) -> tuple[int, list[int]]:
    asked: list[int] = []

    def bears(typists: int) -> bool:
        asked.append(typists)
        return typists <= limit

    return find_limit(bears, most, resolution), asked


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 7, 8, 9, 100, 511, 512, 1023, 1024])
def test_it_finds_the_largest_number_that_is_borne(limit: int) -> None:
    found, asked = search(limit)
    assert found == limit
    assert len(asked) == len(set(asked)), "no number is measured twice"
    assert len(asked) <= 21


def test_it_doubles_and_then_bisects() -> None:
    assert search(5) == (5, [1, 2, 4, 8, 6, 5])


def test_it_ends_at_the_most_that_may_be_asked() -> None:
    assert search(10_000, most=100) == (100, [1, 2, 4, 8, 16, 32, 64, 100])


def test_it_ends_early_where_two_runs_would_differ_as_much() -> None:
    found, asked = search(700, resolution=0.05)
    assert 665 <= found <= 700
    assert len(asked) < len(search(700)[1])


def test_what_it_returns_was_seen_to_be_borne() -> None:
    for limit in range(200):
        found, asked = search(limit, resolution=0.1)
        assert found <= limit
        assert found == 0 or found in asked

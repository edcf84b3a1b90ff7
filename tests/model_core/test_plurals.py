"""One text is no texts."""

import pytest
from starcast_client import plurals

from model_core.plurals import counted


@pytest.mark.parametrize(("count", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (25_000, "25,000 rows")])
def test_the_noun_agrees_with_its_number(count: int, words: str) -> None:
    assert counted(count, "row") == plurals.counted(count, "row") == words

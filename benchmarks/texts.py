"""The reviews that are typed: those of the tests, or of the Large Movie Review Dataset's validation split."""

from collections.abc import Sequence
from pathlib import Path

from tools.reviews import REVIEWS

_VALIDATION_SHARE = 0.08
_OF_TESTS = 2_000
"""The tests have few reviews. Numbered, each is another text from its first token on: typists who share one would share
its ratings too, which servers remember."""


def read_texts(data: Path | None) -> Sequence[str]:
    """Return the reviews; ``data`` is the official archive or the folder it unpacks to. Raises DataError."""
    if data is None:
        texts = [f"{number}. {REVIEWS[number % len(REVIEWS)]}" for number in range(_OF_TESTS)]
    else:
        # It needs more packages than the rest.
        from training.data import load_split

        texts = [review.text for review in load_split(data, "validation", _VALIDATION_SHARE)]
    # Nobody types the dataset's line breaks.
    return [text.replace("<br />", "\n") for text in texts]

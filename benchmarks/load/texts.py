"""The reviews to type: those of the tests, or the validation split of the Large Movie Review Dataset."""

from collections.abc import Sequence
from pathlib import Path

from tools.reviews import REVIEWS

_VALIDATION_SHARE = 0.08
_OF_TESTS = 2_000
"""The tests have few reviews. A number in front makes each a different text, since servers may cache ratings."""


def read_texts(data: Path | None) -> Sequence[str]:
    """Return the reviews. ``data`` is the official archive or its folder. Raises DataError."""
    if data is None:
        texts = [f"{number}. {REVIEWS[number % len(REVIEWS)]}" for number in range(_OF_TESTS)]
    else:
        # Imported late: it needs more packages.
        from training.data import load_split

        texts = [review.text for review in load_split(data, "validation", _VALIDATION_SHARE)]
    # People do not type the dataset's line breaks.
    return [text.replace("<br />", "\n") for text in texts]

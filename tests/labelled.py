"""Labels that are no film ratings, for a fake model that has them."""

from typing import Final

from model_core.checkpoint import Page
from model_core.fake import FakeClassifier, fake_info
from model_core.labels import LabelSet

PAGE: Final = Page("What was it like?", "Say it in a sentence", ("It was as expected.",))
ORDINAL: Final = LabelSet(("bad", "ok", "good"), "ordinal")
VALUED: Final = LabelSet(("low", "middle", "high"), "ordinal", (1, 2.5, 5))
MANY: Final = LabelSet(tuple(f"kind {number}" for number in range(50)))
LABEL_SETS: Final = {"three in order": ORDINAL, "three with values": VALUED, "fifty in no order": MANY}


def labelled(labels: LabelSet) -> FakeClassifier:
    """A fake model with these labels, and words for its page."""
    return FakeClassifier(fake_info(labels, PAGE))

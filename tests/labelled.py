"""Labels that are no film ratings, fake models that have them, and how a process serves a fake model."""

from pathlib import Path
from typing import Final

from live.serving.process_engine import Serving
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


def serving(classifier: FakeClassifier) -> Serving:
    """What a process has of a model without files."""
    return Serving(classifier, Path("none"), digest="", golden_difference=None)

"""A fake model whose knobs a test can turn."""

import threading
from collections.abc import Sequence

from model_core.cache import Caches
from model_core.classifier import Input, Prediction, Variants
from model_core.fake import FakeClassifier


class ControlledClassifier(FakeClassifier):
    """``fail_on`` makes texts, or tokens as they are printed, raise if they contain it.

    ``gate`` holds every answer back until it is open.
    """

    def __init__(self, fail_on: str | None = None, gate: threading.Event | None = None) -> None:
        super().__init__()
        self.fail_on = fail_on
        self.gate = gate
        self.batches: list[list[Input]] = []
        """Every batch that was asked for, in order."""
        self.asked = threading.Semaphore(0)
        """Released at each batch, before it waits for the gate."""

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        if any(isinstance(text, Variants) for text in texts):
            return super().classify(texts, caches)  # That asks for each of them.
        self.batches.append(list(texts))
        self.asked.release()
        if self.gate is not None:
            self.gate.wait()
        if self.fail_on is not None and any(self.fail_on in str(text) for text in texts):
            raise RuntimeError("the classifier was told to fail on this text")
        return super().classify(texts, caches)

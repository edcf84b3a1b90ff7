"""Keeps predictions in a file, so that an evaluation that was stopped goes on where it was."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from model_core.cache import Caches
from model_core.classifier import Classifier, Prediction

_FIELDS: Final = [field.name for field in dataclasses.fields(Prediction) if field.name != "labels"]


class KeptPredictions:
    """A classifier that asks another one for the texts that are not in its file yet.

    The file holds digests instead of texts. Each line is a whole prediction, so a run may end at any moment.
    """

    def __init__(self, classifier: Classifier, file: Path) -> None:
        self.info = classifier.info
        self._classifier = classifier
        self._file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        # The last line may be cut off.
        whole, newline, _ = file.read_text(encoding="utf-8").rpartition("\n")
        file.write_text(whole + newline, encoding="utf-8")
        self._known = dict(map(self._read, whole.splitlines()))

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts. With ``caches``, nothing is kept."""
        if caches is not None:
            return self._classifier.classify(texts, caches)
        digests = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        new = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._known}
        if new:
            predictions = dict(zip(new, self._classifier.classify(list(new.values())), strict=True))
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(map(self._line, predictions.items()))
            self._known |= predictions
        return [self._known[digest] for digest in digests]

    def _line(self, kept: tuple[str, Prediction]) -> str:
        digest, prediction = kept
        return json.dumps([digest, {name: getattr(prediction, name) for name in _FIELDS}]) + "\n"

    def _read(self, line: str) -> tuple[str, Prediction]:
        digest, fields = json.loads(line)
        fields["probabilities"] = tuple(fields["probabilities"])
        return digest, Prediction(**fields, labels=self.info.labels)

"""Golden answers: the ratings of some texts at the time of the export.

A checkpoint that answers differently is not the one that was evaluated: a file of another version, the wrong tokenizer,
or a processor that computes differently.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from model_core.checkpoint import GOLDEN_FILE
from model_core.classifier import Classifier
from model_core.errors import CheckpointError

TOLERANCE: Final = 0.05
"""Allowed difference of a probability: int8 on other processors and floats on a GPU round differently."""


@dataclass(frozen=True)
class GoldenAnswer:
    """A text and its expected probabilities."""

    text: str
    probabilities: tuple[float, ...]


def read_golden(folder: Path) -> tuple[GoldenAnswer, ...]:
    """Read the golden answers of a checkpoint. Raises CheckpointError if there are none."""
    path = folder / GOLDEN_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        answers = tuple(GoldenAnswer(str(one["text"]), tuple(map(float, one["probabilities"]))) for one in content)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing: create it with python -m training.golden {folder}") from error
    except (OSError, ValueError, TypeError, LookupError) as error:
        raise CheckpointError(f"{path} is not valid: create it with python -m training.golden {folder}") from error
    if not answers:
        raise CheckpointError(f"{path} is empty: create it with python -m training.golden {folder}")
    return answers


def check_golden(classifier: Classifier, folder: Path) -> float:
    """Return the largest difference of a probability. Raises CheckpointError if it exceeds the tolerance."""
    golden = read_golden(folder)
    predictions = classifier.classify([answer.text for answer in golden])
    if {len(answer.probabilities) for answer in golden} != {len(classifier.info.prior)}:
        raise CheckpointError(f"{folder / GOLDEN_FILE} has answers with a wrong number of classes")
    pairs = zip(predictions, golden, strict=True)
    difference = float(max(np.abs(np.subtract(one.probabilities, other.probabilities)).max() for one, other in pairs))
    if not difference <= TOLERANCE:
        raise CheckpointError(
            f"{folder} does not answer as when it was exported: a probability differs by {difference:.3f}, "
            f"and {TOLERANCE} is allowed: fetch the whole checkpoint again"
        )
    return difference

"""Soft labels: ratings by teachers, in files that name the texts but do not contain them.

The name of a text is folder and number of a review of the training part, and offset and length in characters. A file
has the names and probabilities of about a thousand texts, and a digest over the texts, so that labels of other texts
are detected.
"""

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model_core.errors import one_line
from training.data import DataError, Review, read_reviews, read_unlabelled
from training.evaluation.metrics import Floats
from training.texts.spans import sentences
from training.trainer.batches import TrainingTexts, prefix_chars

FOLDERS: Final = ("neg", "pos", "unsup")
"""The folders of the training part. Names have an index into this list."""

Kind = Literal["rated", "unrated", "rated-beginnings", "unrated-beginnings", "sentences"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
"""Whole reviews with and without a rating, a random beginning of each, and single sentences of unrated reviews."""

PART_TEXTS: Final = 1000
SENTENCES: Final = 100_000
UNRATED_BEGINNINGS: Final = 25_000

_SHORTEST_BEGINNING = 8
_SEED = 20_26
_PROVENANCE = "soft.json"


class TextName(NamedTuple):
    """A part of one review."""

    folder: int
    """Index into ``FOLDERS``."""
    number: int
    """Number of the review; in ``unsup``, its index in the order of the numbers."""
    offset: int
    chars: int


class Library:
    """The reviews of the training part by name. Raises DataError if the data cannot be read."""

    def __init__(self, data: Path) -> None:
        self.rated = {(int(review.stars > 5), review.number): review for review in read_reviews(data, "train")}
        self.unrated = read_unlabelled(data)

    def text(self, name: TextName) -> str:
        """Return the text with this name. Raises DataError if there is none."""
        try:
            if FOLDERS[name.folder] == "unsup":
                whole = self.unrated[name.number]
            else:
                whole = self.rated[name.folder, name.number].text
        except (KeyError, IndexError) as error:
            raise DataError(f"the data has no review {name.number} in its folder {name.folder}") from error
        return whole[name.offset : name.offset + name.chars]

    def review(self, name: TextName) -> Review | None:
        """Return the rated review that contains a text; None if it has no rating."""
        return self.rated.get((name.folder, name.number))


def texts_to_rate(library: Library, kind: Kind) -> list[TextName]:
    """Return all texts of a kind in a fixed random order, so that the first ones are a random sample."""
    rng = random.Random(f"{_SEED} {kind}")
    if kind in ("rated", "rated-beginnings"):
        whole = [TextName(*name, 0, len(review.text)) for name, review in library.rated.items()]
    else:
        whole = [TextName(2, number, 0, len(text)) for number, text in enumerate(library.unrated)]
    rng.shuffle(whole)
    if kind == "sentences":
        found = [
            name._replace(offset=offset, chars=chars)
            for name in whole
            for offset, chars in sentences(library.unrated[name.number])
        ]
        return rng.sample(found, min(SENTENCES, len(found)))
    if kind == "unrated-beginnings":
        whole = whole[:UNRATED_BEGINNINGS]
    if kind in ("rated-beginnings", "unrated-beginnings"):
        return [name._replace(chars=prefix_chars(rng, _SHORTEST_BEGINNING, name.chars)) for name in whole]
    return whole


@dataclass(frozen=True)
class SoftLabels:
    """Names of texts, and their probabilities [texts, 8]."""

    names: Sequence[TextName]
    probabilities: Floats


def part_path(folder: Path, kind: Kind, part: int) -> Path:
    """Return the path of one part of a kind."""
    return folder / f"{kind}-{part:03}.safetensors"


def write_soft_labels(path: Path, labels: SoftLabels, library: Library) -> None:
    """Write one file atomically, with probabilities in float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    tensors = {
        "names": np.array(labels.names, dtype=np.int32),
        "probabilities": labels.probabilities.astype(np.float16),
    }
    save_file(tensors, partial, metadata={"texts_sha256": _digest(labels.names, library)})
    partial.replace(path)


def read_soft_labels(path: Path, library: Library) -> SoftLabels:
    """Read a file, or all files of a folder in the order of their names. Raises DataError."""
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if not files:
        raise DataError(f"{path} has no soft labels: create them with training.distill")
    read = [_read_file(file, library) for file in files]
    return SoftLabels(
        [name for labels in read for name in labels.names], np.concatenate([labels.probabilities for labels in read])
    )


def _read_file(path: Path, library: Library) -> SoftLabels:
    try:
        with safe_open(path, "np") as file:
            names: NDArray[np.int32] = file.get_tensor("names")
            probabilities: Floats = file.get_tensor("probabilities").astype(np.float64)
            written = file.metadata()["texts_sha256"]
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise DataError(f"{path} has no soft labels of training.distill: {one_line(error)}") from error
    listed = [TextName(*row) for row in names.tolist()]
    if written != _digest(listed, library):
        raise DataError(f"{path} has soft labels of other texts: create it again with training.distill")
    # Normalise again after the rounding to float16, so that each row sums to 1.
    return SoftLabels(listed, probabilities / probabilities.sum(axis=1, keepdims=True))


def with_soft(train: Sequence[Review], labels: SoftLabels, library: Library, weight: float) -> TrainingTexts:
    """Combine rated reviews with soft labels.

    The target of a rated review with a soft label is that label by ``weight``, and its rating for the rest. The other
    texts follow, whole reviews first. Texts of rated reviews that are not in ``train``, such as held-out ones, are left
    out.
    """
    data = TrainingTexts.of(train)
    targets = data.targets.clone()
    place = {(int(review.stars > 5), review.number): index for index, review in enumerate(train)}
    whole: list[int] = []
    parts: list[int] = []
    for row, name in enumerate(labels.names):
        index = place.get((name.folder, name.number))
        if FOLDERS[name.folder] != "unsup" and index is None:
            continue
        length = len(train[index].text) if index is not None else len(library.unrated[name.number])
        if name.chars < length:
            parts.append(row)
        elif index is None:
            whole.append(row)
        else:
            soft = torch.from_numpy(labels.probabilities[row]).float()
            targets[index] = weight * soft + (1 - weight) * data.targets[index]
    more = [*whole, *parts]
    texts = [*data.texts, *(library.text(labels.names[row]) for row in more)]
    soft_targets = torch.from_numpy(labels.probabilities[more]).float()
    return TrainingTexts(texts, torch.cat([targets, soft_targets]), data.labels, parts=len(parts))


def _digest(names: Iterable[TextName], library: Library) -> str:
    digest = hashlib.sha256()
    for name in names:
        digest.update(library.text(name).encode() + b"\n")
    return digest.hexdigest()


def begin_folder(folder: Path, provenance: dict[str, object]) -> None:
    """Write down the teacher. Raises DataError if the folder has labels of another teacher."""
    path = folder / _PROVENANCE
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))["teacher"]) != provenance["teacher"]:
        raise DataError(f"{folder} has labels of another teacher ({found}): choose another --output, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(provenance, indent=2) + "\n", encoding="utf-8")

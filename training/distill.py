"""Let a teacher rate texts: rated and unrated reviews, their beginnings, and single sentences.

``python -m training.distill --teacher runs/teacher/checkpoint --output runs/soft/teacher`` writes a file after every
1,000 texts. The same command continues a run that was stopped. A teacher is a checkpoint of ``training.teacher`` or
``training.finetune``, an exported checkpoint, or ``tf-idf``. ``training.blend`` combines the labels of several
teachers, and ``training.finetune --soft-labels`` learns from them (distillation: Hinton et al. 2015, "Distilling the
Knowledge in a Neural Network").
"""

import argparse
import hashlib
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from tqdm import tqdm

from model_core.checkpoint import WEIGHTS_FILE, read_config, sha256_of
from model_core.errors import CheckpointError
from model_core.plurals import counted
from model_core.tokenizer import TextTokenizer
from training.data import DataError, add_data_argument, add_validation_argument, in_validation
from training.errors import TrainingError
from training.evaluation.metrics import Floats
from training.evaluation.validation import predict_probabilities
from training.models.baseline import TfidfClassifier, fit_tfidf
from training.models.encoder import rate_texts
from training.models.initial import load_initial
from training.teacher import SETTINGS_FILE, load_teacher
from training.trainer.device import computes_in_bf16, keep_freed_memory, pick_device
from training.trainer.soft_labels import (
    KINDS,
    PART_TEXTS,
    Library,
    SoftLabels,
    TextName,
    begin_folder,
    part_path,
    texts_to_rate,
    write_soft_labels,
)

TFIDF: Final = "tf-idf"
_FOLDS = 4

Rater = Callable[[Sequence[TextName]], Floats]
"""Returns probabilities [texts, 8] of the texts with these names."""


def rater(teacher: str, library: Library, validation_share: float) -> Rater:
    """Load the teacher from a folder, or fit TF-IDF. Raises CheckpointError, InitError."""
    if teacher == TFIDF:
        return _tfidf(library, validation_share)
    folder = Path(teacher)
    device = pick_device("auto")
    if (folder / SETTINGS_FILE).exists():
        model, encoder = load_teacher(folder)
        model.to(device)

        def rate(texts: Sequence[str]) -> Floats:
            return rate_texts(model, encoder, texts)

    else:
        config, _ = read_config(folder, films_only=True)
        student, pieces = load_initial(str(folder), hidden_dropout=0.0, attention_dropout=0.0)
        student.to(device)
        tokenizer = TextTokenizer.for_config(pieces, config)

        def rate(texts: Sequence[str]) -> Floats:
            return predict_probabilities(student, tokenizer, texts, config)

    def rate_names(names: Sequence[TextName]) -> Floats:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_in_bf16(device)):
            return rate([library.text(name) for name in names])

    return rate_names


def _tfidf(library: Library, validation_share: float) -> Rater:
    """TF-IDF that never rates a film that it was fitted on, where it would almost repeat the known ratings.

    It is fitted once for each fold of the training films, on reviews and beginnings of the other folds.
    """
    train = [review for review in library.rated.values() if not in_validation(review.group, validation_share)]
    fitted = [
        fit_tfidf([review for review in train if _fold(review.group) != fold], prefix_share=0.5)
        for fold in tqdm(range(_FOLDS), desc=TFIDF)
    ]

    def rate_names(names: Sequence[TextName]) -> Floats:
        texts = [library.text(name) for name in names]
        each = np.stack([_probabilities(model, texts) for model in fitted])
        rows = each.mean(axis=0)
        for row, name in enumerate(names):
            review = library.review(name)
            if review is not None and not in_validation(review.group, validation_share):
                rows[row] = each[_fold(review.group), row]
        return np.asarray(rows)

    return rate_names


def _fold(film: str) -> int:
    return hashlib.sha256(f"fold {film}".encode()).digest()[0] % _FOLDS


def _probabilities(model: TfidfClassifier, texts: Sequence[str]) -> Floats:
    return np.array([prediction.probabilities for prediction in model.classify(texts)])


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.distill", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--teacher", required=True, help=f"folder, or {TFIDF}")
    parser.add_argument("--output", type=Path, default=Path("runs/soft/teacher"), help="folder (%(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="in this order (default: all)")
    parser.add_argument("--parts", type=int, help="rate only the first parts of each kind, this many: a random sample")
    add_validation_argument(parser)
    options = parser.parse_args(argv)
    try:
        library = Library(options.data)
        weights = None if options.teacher == TFIDF else Path(options.teacher) / WEIGHTS_FILE
        if weights and not weights.is_file():
            raise DataError(f"{options.teacher} has no {WEIGHTS_FILE}")
        described = {"name": options.teacher, "sha256": sha256_of(weights)} if weights else {"name": TFIDF}
        command = shlex.join(["python", "-m", "training.distill", *(argv if argv is not None else sys.argv[1:])])
        begin_folder(options.output, {"teacher": described, "command": command})
        todo = [
            (part_path(options.output, kind, number), names)
            for kind in options.kinds
            for number, names in enumerate(_parts(texts_to_rate(library, kind))[: options.parts])
        ]
        left = [(path, names) for path, names in todo if not path.exists()]
        if left:
            keep_freed_memory()
            rate = rater(options.teacher, library, options.validation_share)
            for path, names in tqdm(left, initial=len(todo) - len(left), total=len(todo), desc="rate", unit="part"):
                write_soft_labels(path, SoftLabels(names, rate(names)), library)
    except (CheckpointError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {counted(len(todo), 'file')}")
    return 0


def _parts(names: Sequence[TextName]) -> list[Sequence[TextName]]:
    return [names[at : at + PART_TEXTS] for at in range(0, len(names), PART_TEXTS)]


if __name__ == "__main__":
    raise SystemExit(main())

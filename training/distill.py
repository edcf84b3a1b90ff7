"""Soft labels for the reviews without a rating: what one teacher, or the mean of several, makes of each whole text.

``python -m training.distill --teacher CHECKPOINT --output runs/soft_labels.safetensors``; ``training.finetune`` learns
from them by ``--soft-labels FILE`` (distillation: Hinton et al. 2015, "Distilling the Knowledge in a Neural Network").
"""

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from model_core.checkpoint import read_config
from model_core.errors import CheckpointError, one_line
from model_core.labels import NUM_LABELS
from model_core.tokenizer import TextTokenizer
from training.data import DataError, read_unlabelled
from training.device import computes_in_bf16, pick_device
from training.initial import InitError, load_initial
from training.metrics import Floats
from training.validation import predict_probabilities


def write_soft_labels(path: Path, texts: Sequence[str], probabilities: Floats) -> None:
    """Write probabilities [texts, 8], and the digest of the texts that they belong to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"probabilities": probabilities.astype(np.float16)}, path, metadata={"texts_sha256": _digest(texts)})


def read_soft_labels(path: Path, unlabelled: Sequence[str]) -> NDArray[np.float32]:
    """Return probabilities [texts, 8] of the first so many of the unlabelled texts. Raises DataError."""
    try:
        with safe_open(path, "np") as file:
            probabilities: NDArray[np.float32] = file.get_tensor("probabilities").astype(np.float32)
            written = file.metadata()["texts_sha256"]
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(f"{path} holds no soft labels of training.distill: {one_line(error)}") from error
    if written != _digest(unlabelled[: len(probabilities)]):
        raise DataError(f"{path} holds soft labels of other texts: make it again by training.distill")
    return probabilities


def rate_by(teachers: Sequence[Path], texts: Sequence[str]) -> Floats:
    """Mean of what the teachers make of whole texts, [texts, 8]. Raises CheckpointError, InitError."""
    device = pick_device("auto")
    total = np.zeros((len(texts), NUM_LABELS))
    for folder in teachers:
        config, _ = read_config(folder)
        model, pieces = load_initial(str(folder), hidden_dropout=0.0, attention_dropout=0.0)
        tokenizer = TextTokenizer.for_config(pieces, config)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_in_bf16(device)):
            total += predict_probabilities(model.to(device), tokenizer, texts, config)
    return total / len(teachers)


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.distill", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/aclImdb_v1.tar.gz"), help="archive (%(default)s)")
    parser.add_argument("--teacher", type=Path, action="append", required=True, help="folder; may be repeated")
    parser.add_argument("--output", type=Path, default=Path("runs/soft_labels.safetensors"), help="(%(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="rate so many texts only (default: all 50,000)")
    options = parser.parse_args(argv)
    try:
        texts = read_unlabelled(options.data)[: options.limit or None]
        probabilities = rate_by(options.teacher, texts)
    except (DataError, CheckpointError, InitError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_soft_labels(options.output, texts, probabilities)
    print(f"{options.output}: {len(texts)} texts, mean probabilities {probabilities.mean(axis=0).round(3)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

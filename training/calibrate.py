"""Fit the temperatures of a checkpoint on validation, so that its probabilities are calibrated at every length.

``python -m training.calibrate CHECKPOINT --data ARCHIVE`` rates validation reviews and their beginnings as served and
writes into the checkpoint's ``config.json`` one temperature for each length of ``KNOTS`` (temperature scaling: Guo et
al. 2017, "On Calibration of Modern Neural Networks"). The most probable label never changes.
"""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from scipy.optimize import minimize
from tokenizers import Tokenizer
from tqdm import tqdm

from model_core.checkpoint import TOKENIZER_FILE, CheckpointConfig, read_config, write_config
from model_core.classifier import Classifier
from model_core.errors import CheckpointError
from model_core.loading import load_classifier
from training.data import DataError, Review, add_data_argument, add_validation_argument, check_labels, load_split
from training.errors import TrainingError
from training.evaluation.metrics import Floats, Integers
from training.golden import write_golden
from training.texts.beginnings import PREFIX_TOKENS, first_tokens, spread

KNOTS: Final = (*PREFIX_TOKENS, 512)
"""Lengths in tokens with their own temperature. Lengths between them are interpolated."""

_BOUNDS = (0.2, 5.0)
_BATCH = 16


def fit_temperatures(logits: Floats, tokens: Integers, classes: Integers) -> tuple[tuple[int, float], ...]:
    """Return (length, temperature) pairs that minimise the mean NLL of logits [texts, labels] at lengths [texts]."""
    # Interpolated between two knots, as in CheckpointConfig.temperature_at.
    place = np.interp(np.log(np.maximum(tokens, 1)), np.log(KNOTS), np.arange(len(KNOTS)))
    below = np.minimum(place.astype(int), len(KNOTS) - 2)
    upper = place - below
    rows = np.arange(len(classes))

    def loss(values: Floats) -> tuple[float, Floats]:
        temperature = values[below] * (1 - upper) + values[below + 1] * upper
        scaled = logits / temperature[:, None]
        scaled -= scaled.max(axis=1, keepdims=True)
        log_likelihood = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
        # d NLL / d T of each text: dividing by T moves the logits towards their mean under the distribution.
        mean_logit = (np.exp(log_likelihood) * logits).sum(axis=1)
        slope = (logits[rows, classes] - mean_logit) / temperature**2
        gradient = np.bincount(below, slope * (1 - upper), len(KNOTS))
        gradient += np.bincount(below + 1, slope * upper, len(KNOTS))
        return float(-log_likelihood[rows, classes].mean()), gradient / len(classes)

    fitted = minimize(loss, np.ones(len(KNOTS)), jac=True, bounds=[_BOUNDS] * len(KNOTS), method="L-BFGS-B")
    return tuple((length, round(float(value), 4)) for length, value in zip(KNOTS, fitted.x, strict=True))


def collect(
    classifier: Classifier, config: CheckpointConfig, tokenizer: Tokenizer, reviews: Sequence[Review]
) -> tuple[Floats, Integers, Integers]:
    """Return logits [texts, labels], lengths [texts] and classes [texts] of whole reviews and their beginnings."""
    texts = [(review.text, review.label) for review in reviews]
    texts += [
        (first_tokens(tokenizer, r.text, tokens, config.text), r.label) for tokens in PREFIX_TOKENS for r in reviews
    ]
    rows, lengths = [], []
    for start in tqdm(range(0, len(texts), _BATCH), desc="calibrate", mininterval=1, disable=None):
        for prediction in classifier.classify([text for text, _ in texts[start : start + _BATCH]]):
            # Logits up to a constant, which softmax ignores. The current temperature is undone.
            log_probabilities = np.log(np.maximum(prediction.probabilities, 1e-12))
            rows.append(log_probabilities * config.temperature_at(prediction.tokens))
            lengths.append(prediction.tokens)
    return np.array(rows), np.array(lengths), np.array([label for _, label in texts])


def calibrate(folder: Path, reviews: Sequence[Review], threads: int = 2) -> tuple[tuple[int, float], ...]:
    """Write the temperatures that fit these texts into a checkpoint. Raises CheckpointError, DataError."""
    config, architecture = read_config(folder)
    check_labels(config.labels, reviews, folder)
    if not reviews:
        raise DataError("there are no validation texts to calibrate by: use a larger --validation-share")
    classifier = load_classifier(folder, "onnx", threads)
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.no_truncation()
    temperature = fit_temperatures(*collect(classifier, config, tokenizer, reviews))
    write_config(folder, dataclasses.replace(config, temperature=temperature), architecture)
    write_golden(folder)
    return temperature


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder written by training.export")
    add_data_argument(parser)
    add_validation_argument(parser)
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="use this many reviews (default: all of validation)")
    options = parser.parse_args(argv)
    try:
        reviews = load_split(options.data, "validation", options.validation_share)
        temperature = calibrate(options.checkpoint, spread(reviews, options.limit or len(reviews)), options.threads)
    except (CheckpointError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(dict(temperature)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Judge a checkpoint as it is served: whole reviews, those that state a rating, their beginnings, and typing.

``python -m training.evaluate --data ARCHIVE --split test --json`` prints one JSON object.
"""

import argparse
import json
import os
import platform
import random
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer
from tqdm import tqdm

from model_core.checkpoint import TOKENIZER_FILE
from model_core.classifier import Classifier
from model_core.errors import CheckpointError
from model_core.loading import load_classifier
from model_core.text import clean_text
from training.baseline import fit_tfidf
from training.config import FinetuneConfig
from training.data import DataError, Review, fingerprint, load_split
from training.metrics import Floats, accuracy_interval, rating_metrics
from training.stability import stability_metrics

PREFIX_TOKENS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
PROGRESS_PERCENT: Final = tuple(range(10, 101, 10))
DEFAULT_CHECKPOINT: Final = Path("model_core/checkpoints/starcast-electra-6x384")

_BATCH = 16
_SAMPLE_SEED = 20_11


@dataclass(frozen=True)
class Scope:
    """How much of a split is judged beyond the whole reviews; 0 leaves a part out."""

    prefixes: int = 2_000
    """Reviews whose beginnings are judged."""
    typed: int = 50
    """Reviews that are typed key by key."""


def evaluate(classifier: Classifier, tokenizer: Tokenizer, reviews: Sequence[Review], scope: Scope) -> dict[str, Any]:
    """Return the figures of whole reviews, of beginnings by tokens and by share, and of typing."""
    probabilities = predict(classifier, [review.text for review in reviews], "whole reviews")
    stars = np.array([review.stars for review in reviews])
    stated = np.array([review.states_rating for review in reviews])
    full = rating_metrics(probabilities, stars)
    result: dict[str, Any] = {
        "full": {**full, "accuracy_interval_95": accuracy_interval(full["accuracy"], len(reviews))},
        "stated_rating": rating_metrics(probabilities[stated], stars[stated]) if stated.any() else None,
        "no_stated_rating": rating_metrics(probabilities[~stated], stars[~stated]) if not stated.all() else None,
    }
    if sample := spread(reviews, scope.prefixes):
        sample_stars = np.array([review.stars for review in sample])

        def judge(title: str, beginnings: list[str]) -> dict[str, float]:
            return rating_metrics(predict(classifier, beginnings, title), sample_stars)

        result["prefix"] = {
            str(tokens): judge(f"{tokens} tokens", [first_tokens(tokenizer, review.text, tokens) for review in sample])
            for tokens in PREFIX_TOKENS
        }
        result["progress"] = {
            str(percent): judge(f"{percent} %", [review.text[: len(review.text) * percent // 100] for review in sample])
            for percent in PROGRESS_PERCENT
        }
        result["prefix_area"] = {
            figure: float(np.mean([metrics[figure] for metrics in result["prefix"].values()]))
            for figure in ("accuracy", "binary_accuracy", "nll", "ece")
        }
    if typists := spread(reviews, scope.typed):
        result["typing"] = stability_metrics(classifier, typists)
    return result


def predict(classifier: Classifier, texts: Sequence[str], title: str) -> Floats:
    """Rate texts through the very classifier that serves; probabilities [texts, 8]."""
    rows: list[tuple[float, ...]] = []
    with tqdm(total=len(texts), desc=title, mininterval=1, disable=None) as bar:
        for start in range(0, len(texts), _BATCH):
            batch = classifier.classify(texts[start : start + _BATCH])
            rows += [prediction.probabilities for prediction in batch]
            bar.update(len(batch))
    return np.array(rows, dtype=np.float64)


def first_tokens(tokenizer: Tokenizer, text: str, tokens: int) -> str:
    """The beginning of a text that holds its first ``tokens`` tokens."""
    cleaned = clean_text(text)
    offsets = tokenizer.encode(cleaned, add_special_tokens=False).offsets
    return cleaned if len(offsets) <= tokens else cleaned[: offsets[tokens - 1][1]]


def spread(reviews: Sequence[Review], count: int) -> list[Review]:
    """``count`` reviews drawn at random, always the same; all of them where there are no more."""
    return random.Random(_SAMPLE_SEED).sample(list(reviews), min(count, len(reviews)))


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/aclImdb_v1.tar.gz"), help="archive (%(default)s)")
    parser.add_argument("--split", choices=("validation", "test"), default="validation", help="(%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--backend", choices=("onnx", "torch"), default="onnx", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="judge so many reviews, drawn at random (default: all)")
    parser.add_argument(
        "--prefixes", type=int, default=Scope.prefixes, help="reviews whose beginnings are judged (%(default)s)"
    )
    parser.add_argument("--typed", type=int, default=Scope.typed, help="reviews typed key by key (%(default)s)")
    parser.add_argument("--competitor", action="store_true", help="also fit and judge TF-IDF, on the same reviews")
    parser.add_argument("--validation-share", type=float, default=0.08, help="as in training (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--output", type=Path, help="also write the JSON object here")
    options = parser.parse_args(argv)
    scope = Scope(options.prefixes, options.typed)
    try:
        reviews = load_split(options.data, options.split, options.validation_share)
        reviews = spread(reviews, options.limit) if options.limit else reviews
        classifier = load_classifier(options.checkpoint, options.backend, options.threads)
        tokenizer = Tokenizer.from_file(str(options.checkpoint / TOKENIZER_FILE))
        tokenizer.no_truncation()
        result = evaluate(classifier, tokenizer, reviews, scope)
        if options.competitor:
            train = load_split(options.data, "train", options.validation_share)
            result["competitor"] = {
                name: evaluate(fit_tfidf(train, prefix_share), tokenizer, reviews, scope)
                for name, prefix_share in (("tfidf", 0.0), ("tfidf_prefix", FinetuneConfig.prefix_share))
            }
    except (DataError, CheckpointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    result |= {
        "split": options.split,
        "data_sha256": fingerprint(reviews),
        "model": {"name": classifier.info.name, "version": classifier.info.version, "sha256": classifier.info.sha256},
        "backend": options.backend,
        "command": shlex.join(["python", "-m", "training.evaluate", *(sys.argv[1:] if argv is None else argv)]),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
    if options.output is not None:
        options.output.write_text(json.dumps(_rounded(result), indent=2) + "\n", encoding="utf-8")
    print(json.dumps(_rounded(result)) if options.json else table(result))
    return 0


def _rounded(value: Any) -> Any:
    """Five digits: at 25,000 texts the third is noise already."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 5) if isinstance(value, float) else value


def table(result: dict[str, Any]) -> str:
    """The figures for people: a row for each kind of text."""
    rows = {name: result[name] for name in ("full", "stated_rating", "no_stated_rating") if result[name]}
    rows |= {f"first {tokens} tokens": metrics for tokens, metrics in result.get("prefix", {}).items()}
    rows |= {f"first {percent} %": metrics for percent, metrics in result.get("progress", {}).items()}
    for name, figures in result.get("competitor", {}).items():
        rows[f"{name} full"] = figures["full"]
        rows |= {f"{name} {tokens} tok.": metrics for tokens, metrics in figures.get("prefix", {}).items()}
    columns = ("accuracy", "binary_accuracy", "within_one", "macro_f1", "mae", "qwk", "nll", "ece")
    lines = [f"{'':22}{'reviews':>8}" + "".join(f"{column:>16}" for column in columns)]
    for name, metrics in rows.items():
        lines.append(f"{name:22}{metrics['reviews']:8}" + "".join(f"{metrics[column]:16.4f}" for column in columns))
    lines += [f"typing: {name} {value:.4g}" for name, value in result.get("typing", {}).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())

"""Evaluate a checkpoint as it is served: whole texts, their beginnings, typing, and short texts of our own for films.

``python -m training.evaluate --data ARCHIVE --split test --competitor --output metrics.json`` writes all figures.
"""

import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from tokenizers import Tokenizer
from tqdm import tqdm

from model_core.checkpoint import CONFIG_FILE, TOKENIZER_FILE, read_config
from model_core.classifier import Classifier
from model_core.errors import CheckpointError
from model_core.labels import FILM_RATINGS
from model_core.loading import load_classifier
from model_core.plurals import counted
from model_core.tokenizer import TextTokenizer
from training.config import FinetuneConfig
from training.data import (
    Review,
    add_data_argument,
    add_validation_argument,
    check_labels,
    fingerprint,
    labels_of,
    load_split,
)
from training.errors import DataError, TrainingError
from training.evaluation.kept import KeptPredictions
from training.evaluation.metrics import (
    FIGURES,
    Floats,
    Integers,
    confusion,
    expected_calibration_error,
    expected_values,
    metrics_with_intervals,
    pooled_calibration,
    reliability,
    text_metrics,
)
from training.evaluation.short_texts import judge_openings, judge_short_texts
from training.evaluation.stability import stability_metrics
from training.models.baseline import fit_tfidf
from training.texts.beginnings import PREFIX_TOKENS, first_tokens, spread

PROGRESS_PERCENT: Final = tuple(range(10, 101, 10))
FLOAT_TOKENS: Final = (8, 32, 128)
"""Lengths of beginnings for the comparison of int8 with float32; whole texts are compared too."""
DEFAULT_CHECKPOINT: Final = Path("model_core/checkpoints/starcast-electra-6x384")

READ_REVIEWS: Final = 2_000
"""Maximum number of reviews whose legibility is computed, which needs no model."""

_BATCH = 16


@dataclass(frozen=True)
class Scope:
    """Numbers of reviews for the evaluations besides whole reviews; 0 skips one."""

    prefixes: int = 2_000
    """Reviews whose beginnings are rated."""
    typed: int = 50
    """Reviews that are typed key by key."""


def evaluate(classifier: Classifier, tokenizer: Tokenizer, reviews: Sequence[Review], scope: Scope) -> dict[str, Any]:
    """Return the figures of whole reviews, of beginnings by tokens and by share, and of typing.

    ``calibration.ece_all_prefixes`` is one ECE over a pool of predictions: each sampled review at each of
    ``PREFIX_TOKENS`` and as a whole, so each review counts ten times, and each length alike.
    """
    whole = predict(classifier, [review.text for review in reviews], "whole reviews")
    result = judge_whole(whole, reviews)
    if sample := spread(reviews, scope.prefixes):
        rated = dict(zip(reviews, whole, strict=True))
        beginnings = judge_beginnings(classifier, tokenizer, sample, np.array([rated[review] for review in sample]))
        result["calibration"] |= beginnings.pop("calibration")
        result |= beginnings
    if typists := spread(reviews, scope.typed):
        result["typing"] = stability_metrics(classifier, typists)
    return result


def judge_whole(whole: Floats, reviews: Sequence[Review]) -> dict[str, Any]:
    """Return the figures of whole texts; ``whole``: their predictions [texts, labels]."""
    classes, labels = _classes(reviews), labels_of(reviews)
    result: dict[str, Any] = {"full": metrics_with_intervals(whole, classes, labels)}
    if labels == FILM_RATINGS:
        stated = np.array([review.states_rating for review in reviews])
        for name, which in (("stated_rating", stated), ("no_stated_rating", ~stated)):
            result[name] = metrics_with_intervals(whole[which], classes[which], labels) if which.any() else None
    return {
        **result,
        "confusion": confusion(whole, classes),
        "calibration": {
            "ece_full": expected_calibration_error(whole, classes),
            "bins_full": reliability(whole, classes),
        },
    }


def judge_beginnings(
    classifier: Classifier, tokenizer: Tokenizer, sample: Sequence[Review], whole: Floats
) -> dict[str, Any]:
    """Return the figures of beginnings; ``whole``: the known predictions [texts, labels] of the whole texts."""
    classes, labels = _classes(sample), labels_of(sample)
    by_tokens = {
        str(tokens): predict(
            classifier, [first_tokens(tokenizer, review.text, tokens) for review in sample], f"{tokens} tokens"
        )
        for tokens in PREFIX_TOKENS
    }
    by_share = {
        str(percent): predict(
            classifier, [review.text[: len(review.text) * percent // 100] for review in sample], f"{percent} %"
        )
        for percent in PROGRESS_PERCENT[:-1]
    }
    by_share["100"] = whole
    prefix = {tokens: metrics_with_intervals(rows, classes, labels) for tokens, rows in by_tokens.items()}
    return {
        "prefix": prefix,
        "progress": {percent: text_metrics(rows, classes, labels) for percent, rows in by_share.items()},
        "prefix_area": {
            figure: float(np.mean([metrics[figure] for metrics in prefix.values()]))
            for figure in ("accuracy", "binary_accuracy", "nll", "ece")
            if figure in prefix[str(PREFIX_TOKENS[0])]
        },
        "calibration": pooled_calibration({**by_tokens, "whole": whole}, classes),
    }


def _classes(reviews: Sequence[Review]) -> Integers:
    return np.array([review.label for review in reviews])


def against_float(
    served: Classifier, exact: Classifier, tokenizer: Tokenizer, reviews: Sequence[Review]
) -> dict[str, Any]:
    """Compare int8 with float32 on the same whole reviews and beginnings of ``FLOAT_TOKENS`` tokens.

    ``agreement`` is the share of texts with the same most probable class; the differences are of the expected value,
    where labels have values.
    """
    texts = {"whole": [review.text for review in reviews]}
    texts |= {
        str(tokens): [first_tokens(tokenizer, text, tokens) for text in texts["whole"]] for tokens in FLOAT_TOKENS
    }
    classes, labels = _classes(reviews), labels_of(reviews)
    result: dict[str, Any] = {"reviews": len(reviews)}
    for name, each in texts.items():
        rows = predict(served, each, f"int8, {name}"), predict(exact, each, f"float, {name}")
        int8, exactly = (probabilities.argmax(axis=1) for probabilities in rows)
        result[name] = {
            "int8_accuracy": float((int8 == classes).mean()),
            "float_accuracy": float((exactly == classes).mean()),
            "agreement": float((int8 == exactly).mean()),
        }
        if labels.values is not None:
            difference = np.abs(expected_values(rows[0], labels) - expected_values(rows[1], labels))
            result[name]["mean_stars_difference"] = float(difference.mean())
            result[name]["max_stars_difference"] = float(difference.max())
    return result


def against_tfidf(model: dict[str, Any], competitor: dict[str, Any]) -> dict[str, Any]:
    """Return the model's accuracy minus the competitor's, at each length of the prefix curve."""
    ahead = {
        tokens: metrics["accuracy"] - competitor["prefix"][tokens]["accuracy"]
        for tokens, metrics in model["prefix"].items()
    }
    values = list(ahead.values())
    return {"accuracy_difference": ahead, "minimum": min(values), "mean": float(np.mean(values))}


def predict(classifier: Classifier, texts: Sequence[str], title: str) -> Floats:
    """Return probabilities [texts, labels] from the classifier that serving uses."""
    rows: list[tuple[float, ...]] = []
    with tqdm(total=len(texts), desc=title, mininterval=1, disable=None) as bar:
        for start in range(0, len(texts), _BATCH):
            batch = classifier.classify(texts[start : start + _BATCH])
            rows += [prediction.probabilities for prediction in batch]
            bar.update(len(batch))
    return np.array(rows, dtype=np.float64)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.float_reviews and options.backend != "onnx":
        parser.error("--float sets the int8 graph against float: it needs --backend onnx")
    if options.output is not None and not options.output.parent.is_dir():
        parser.error(f"--output: there is no folder {options.output.parent}")
    try:
        result = _judge(options)
    except (CheckpointError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    result |= {
        "backend": options.backend,
        "command": shlex.join(["python", "-m", "training.evaluate", *(sys.argv[1:] if argv is None else argv)]),
        "machine": f"{platform.machine()}, {counted(os.cpu_count() or 1, 'core')}, Python {platform.python_version()}",
    }
    if options.output is not None:
        options.output.write_text(tidy_json(result), encoding="utf-8")
    print(json.dumps(_rounded(result)) if options.json else table(result))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--split", choices=("validation", "test"), default="validation", help="(%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--backend", choices=("onnx", "torch"), default="onnx", help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="(%(default)s)")
    for flag, target, default, meaning in (
        ("--limit", "limit", 0, "reviews to evaluate, drawn at random; 0: all"),
        ("--prefixes", "prefixes", Scope.prefixes, "reviews whose beginnings are evaluated; 0: none"),
        ("--typed", "typed", Scope.typed, "reviews typed key by key; 0: none"),
        ("--openings", "openings", 50, "reviews that are rated with irrelevant openings too; 0: none"),
        ("--float", "float_reviews", 0, "reviews on which int8 is compared with the float model; 0: none"),
    ):
        parser.add_argument(
            flag, dest=target, metavar="REVIEWS", type=_count, default=default, help=f"{meaning} (%(default)s)"
        )
    parser.add_argument(
        "--half",
        choices=("choose", "judge"),
        default="judge",
        help="half of our own texts: `choose` to choose thresholds, `judge` to evaluate (%(default)s)",
    )
    parser.add_argument("--competitor", action="store_true", help="also fit and evaluate TF-IDF, on the same reviews")
    add_validation_argument(parser)
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="keep predictions here, so that the same command goes on after a stop",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--output", type=Path, help="also write the JSON object here")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of reviews")
    return int(text)


def _judge(options: argparse.Namespace) -> dict[str, Any]:
    split = load_split(options.data, options.split, options.validation_share)
    reviews = spread(split, options.limit) if options.limit else split
    if not reviews:
        raise DataError(f"{options.data} has no texts of the {options.split} split")
    config, _ = read_config(options.checkpoint)
    check_labels(config.labels, reviews, options.checkpoint)
    classifier = _load(options, options.backend)
    # Loaded first, so that missing files are reported before the long work.
    exact = _load(options, "torch") if options.float_reviews else None
    tokenizer = Tokenizer.from_file(str(options.checkpoint / TOKENIZER_FILE))
    tokenizer.no_truncation()
    scope = Scope(options.prefixes, options.typed)
    result = evaluate(classifier, tokenizer, reviews, scope)
    if config.labels == FILM_RATINGS:
        read = TextTokenizer.from_config(options.checkpoint / TOKENIZER_FILE, config)
        result |= judge_short_texts(classifier, read, spread(split, READ_REVIEWS), options.half)
        if options.openings:
            result["openings"] = judge_openings(classifier, spread(reviews, options.openings))
    if exact is not None:
        sample = spread(reviews, options.float_reviews)
        result["int8_against_float"] = against_float(classifier, exact, tokenizer, sample)
    if options.competitor:
        train = load_split(options.data, "train", options.validation_share)
        result["competitor"] = {
            name: evaluate(fit_tfidf(train, prefix_share), tokenizer, reviews, scope)
            for name, prefix_share in (("tfidf", 0.0), ("tfidf_prefix", FinetuneConfig().prefix_share))
        }
        if options.prefixes:
            result["against_tfidf_prefix"] = against_tfidf(result, result["competitor"]["tfidf_prefix"])
    return {
        **result,
        "split": options.split,
        "data_sha256": fingerprint(reviews),
        "model": {"name": classifier.info.name, "version": classifier.info.version, "sha256": classifier.info.sha256},
    }


def _load(options: argparse.Namespace, backend: Literal["onnx", "torch"]) -> Classifier:
    classifier = load_classifier(options.checkpoint, backend, options.threads)
    if options.keep is None:
        return classifier
    # The config has the digests of all files, and the temperatures.
    digest = hashlib.sha256((options.checkpoint / CONFIG_FILE).read_bytes()).hexdigest()
    return KeptPredictions(classifier, options.keep / f"{digest[:16]}-{backend}.jsonl")


def tidy_json(result: dict[str, Any]) -> str:
    """Return indented JSON with each list of numbers on one line."""
    text = json.dumps(_rounded(result), indent=2)
    # JSON strings contain no line breaks, so only lists match.
    return re.sub(r"(?<=\[)\n[^\[\]{}]*(?=\])", lambda match: " ".join(match[0].split()), text) + "\n"


def _rounded(value: Any) -> Any:
    """Round to five digits: with 25,000 texts the third one is noise already."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def table(result: dict[str, Any]) -> str:
    """Return a table of the figures, with a row for each kind of text."""
    rows = {name: result[name] for name in ("full", "stated_rating", "no_stated_rating") if result.get(name)}
    rows |= {f"first {tokens} tokens": metrics for tokens, metrics in result.get("prefix", {}).items()}
    rows |= {f"first {percent} %": metrics for percent, metrics in result.get("progress", {}).items()}
    for name, figures in result.get("competitor", {}).items():
        rows[f"{name} full"] = figures["full"]
        rows |= {f"{name} {tokens} tok.": metrics for tokens, metrics in figures.get("prefix", {}).items()}
    columns = [figure for figure in FIGURES if figure in result["full"] and figure != "rmse"]
    lines = [f"{'':22}{'reviews':>8}" + "".join(f"{column:>16}" for column in columns)]
    for name, metrics in rows.items():
        lines.append(f"{name:22}{metrics['reviews']:8}" + "".join(f"{metrics[column]:16.4f}" for column in columns))
    for part in ("typing", "calibration", "against_tfidf_prefix", "sentences", "stated_wordings", "openings"):
        figures = result.get(part, {}).items()
        lines += [f"{part}: {name} {value:.4g}" for name, value in figures if not isinstance(value, dict)]
    for part, names in (("legibility", ("found", "wrongly_flagged")), ("no_opinion", ("neutral", "opinion", "share"))):
        for name in names:
            value = result.get(part, {}).get(name, {})
            figures = value.items() if isinstance(value, dict) else [("all", value)]
            lines += [f"{part}: {name}: {kind} {share:.4g}" for kind, share in figures]
    for length, figures in result.get("int8_against_float", {}).items():
        if isinstance(figures, dict):
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            lines.append(f"int8_against_float: {length}: {shown}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())

"""Train a classifier for labels of one's own: from a dataset folder to a checkpoint, in minutes.

``python -m training.classifier --data data/mine --name questions`` takes what ``training.data import`` wrote: it fits
TF-IDF with logistic regression, fine-tunes the shipped checkpoint, exports, calibrates and evaluates it beside TF-IDF,
and writes a card. The same command resumes after a stop.

Exit status: 0 if the model is better than TF-IDF, 3 if not (the checkpoint is written all the same, with a warning),
130 if the run was stopped, 1 for an error.
"""

import argparse
import dataclasses
import html
import json
import math
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from model_core.checkpoint import CONFIG_FILE, ENGLISH, Page, read_config, write_config
from model_core.errors import CheckpointError
from model_core.plurals import counted
from training import evaluate
from training.calibrate import calibrate
from training.card import renew
from training.config import ConfigError, FinetuneConfig, add_config_arguments, config_from_arguments
from training.data import DataError, Review, Split, add_data_argument, fingerprint, labels_of, load_split
from training.errors import TrainingError
from training.export import export
from training.finetune import finetune_on
from training.golden import write_golden
from training.models.baseline import fit_tfidf
from training.models.initial import WARM_START

NOT_BETTER: Final = 3
STOPPED: Final = 130

STEPS: Final = 600
"""Approximate number of training steps, unless early stopping ends it."""
EPOCHS: Final = (3, 30)
"""Fewest and most passes over the texts."""
FEW_TEXTS: Final = 2_000
"""Below, a fifth of the texts is held out for validation instead of a tenth, and batches are half as large."""
CALIBRATION_TEXTS: Final = 100
"""Temperatures fitted to fewer texts than this make a model too sure or too unsure."""
RARE: Final = 20
"""The card names labels with fewer texts for training than this."""

_BEGINNINGS: Final = 500
_FLOAT_TEXTS: Final = 100


@dataclass(frozen=True)
class Texts:
    """The texts of a run by split, and the one that the model is evaluated on."""

    train: Sequence[Review]
    validation: Sequence[Review]
    judged: Sequence[Review]
    split: Split


def recipe(texts: int, init: str) -> dict[str, Any]:
    """Return options of ``training.finetune`` for a number of texts and initial weights. Raises CheckpointError."""
    share, batch_size = (0.2, 16) if texts < FEW_TEXTS else (0.1, 32)
    prefix_share = 0.25
    steps_an_epoch = math.ceil(texts * (1 - share) * (1 + prefix_share) / batch_size)
    fewest, most = EPOCHS
    version = read_config(Path(init))[0].text if (Path(init) / CONFIG_FILE).is_file() else 2
    return {
        "init": init,
        "attention": "block-causal",
        "text": version,
        "epochs": min(most, max(fewest, round(STEPS / max(1, steps_an_epoch)))),
        "patience": 3,
        "average": 0.99,
        "batch_size": batch_size,
        "prefix_share": prefix_share,
        "learning_rate": 2e-4,
        "train_embeddings": init == WARM_START,
        "validation_share": share,
        "save_minutes": 1.0,
    }


def read_texts(path: Path, validation_share: float) -> Texts:
    """Read all splits; without a test part, validation is evaluated. Raises DataError."""
    train, validation = (load_split(path, split, validation_share) for split in ("train", "validation"))
    if len({review.label for review in train}) < 2 or not validation:
        raise DataError(f"{path} has too few texts: {len(train)} for training and {len(validation)} for validation")
    test = load_split(path, "test", validation_share)
    return Texts(train, validation, test or validation, "test" if test else "validation")


def baseline_accuracy(texts: Texts) -> float:
    """Return the share of the judged texts that TF-IDF gets right."""
    predictions = fit_tfidf(texts.train).classify([review.text for review in texts.judged])
    predicted = np.array([prediction.probabilities for prediction in predictions]).argmax(axis=1)
    return float((predicted == [review.label for review in texts.judged]).mean())


def finish(checkpoint: Path, folder: Path, texts: Texts, page: Page | None, language: str, arguments: list[str]) -> str:
    """Export, calibrate, evaluate and describe a trained checkpoint in ``folder``; return its warning, perhaps empty.

    ``arguments``: those of ``training.evaluate`` that name data and threads. Raises CheckpointError, DataError,
    ValueError.
    """
    shutil.rmtree(folder, ignore_errors=True)
    export(checkpoint, folder)
    _change_config(folder, page=page, language=language)
    print("calibration", flush=True)
    if is_calibrated := len(texts.validation) >= CALIBRATION_TEXTS:
        calibrate(folder, texts.validation)
    else:
        write_golden(folder)
    print("evaluation", flush=True)
    metrics_file = folder / "metrics.json"
    scope = ["--prefixes", str(_BEGINNINGS), "--float", str(_FLOAT_TEXTS), "--competitor"]
    judged = ["--split", texts.split, "--checkpoint", str(folder), *scope, "--output", str(metrics_file)]
    if evaluate.main([*arguments, *judged]):
        raise DataError("the evaluation failed")
    metrics = json.loads(metrics_file.read_text(encoding="utf-8"))
    warning = warning_of(metrics)
    _change_config(folder, warning=warning)
    name = read_config(folder)[0].name
    card = renew(describe(name, texts, warning, is_calibrated), metrics)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return warning


def _change_config(folder: Path, **changes: Any) -> None:
    config, architecture = read_config(folder)
    write_config(folder, dataclasses.replace(config, **changes), architecture)


def warning_of(metrics: dict[str, Any]) -> str:
    """Return a warning if TF-IDF is as good as the model; empty if the model is better."""
    accuracy, number = metrics["full"]["accuracy"], metrics["full"]["reviews"]
    best = max(each["full"]["accuracy"] for each in metrics["competitor"].values())
    if accuracy > best:
        return ""
    return (
        f"it is no better than TF-IDF with logistic regression: {100 * accuracy:.1f} % of {number:,} "
        f"{metrics['split']} texts are right, and {100 * best:.1f} %; more texts may help"
    )


def describe(name: str, texts: Texts, warning: str, is_calibrated: bool) -> str:
    """Return the card of a model as Markdown, with a place for its figures."""
    labels = labels_of(texts.train)
    counts = Counter(review.name for review in texts.train)
    rows = "\n".join(f"| {_in_markdown(label)} | {counts[label]:,} |" for label in labels.names)
    order = {"nominal": "in no order", "ordinal": "from the low end of a scale", "ratings": "ratings"}[labels.task]
    limits = [
        "It gives every text one of these labels, also a text that has nothing to do with them.",
        "It has learned from these texts, their mistakes and their one-sidedness included. Of other texts, the figures "
        "below say nothing.",
    ]
    if rare := [label for label in labels.names if counts[label] < RARE]:
        limits.append(
            f"It has seen fewer than {RARE} texts of {', '.join(map(_in_markdown, rare))}, so it knows little of them."
        )
    if texts.split == "validation":
        limits.append("There was no test part: training was stopped by the same texts that the figures are of, which "
                      "makes them look better than they are.")  # fmt: skip
    if not is_calibrated:
        limits.append(f"Its probabilities are not calibrated: it had fewer than {CALIBRATION_TEXTS} validation texts.")
    limited = "\n".join(f"- {limit}" for limit in limits)
    warned = f"**Warning: {warning}.**\n\n" if warning else ""
    return f"""# {name}

A text classifier with {len(labels)} labels, {order}. Written by `python -m training.classifier`.

{warned}## Data

| label | texts for training |
| --- | --- |
{rows}

{counted(len(texts.train), "text")} for training, {len(texts.validation):,} for validation.
SHA-256 of the texts for training:
`{fingerprint(texts.train)}`, for validation: `{fingerprint(texts.validation)}`.

## Limits

{limited}

## Figures

<!-- figures -->
<!-- end -->
"""


def _in_markdown(name: str) -> str:
    """Return a label as text in a cell of a table."""
    return html.escape(name, quote=False).replace("|", "\\|")


def publish(folder: Path, output: Path) -> None:
    """Copy a finished checkpoint to where servers look, as a whole or not at all."""
    partial = output.with_name(f".{output.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, partial)
    shutil.rmtree(output, ignore_errors=True)
    partial.rename(output)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = _parser().parse_args(argv)
    try:
        return _train(options)
    except (CheckpointError, TrainingError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.classifier", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--run", type=Path, help="run folder (default: runs/NAME)")
    parser.add_argument("--output", type=Path, help="folder of the checkpoint (default: var/checkpoints/NAME)")
    parser.add_argument("--title", help="title of the model's page (default: the name)")
    parser.add_argument("--placeholder", default="", help="what the empty text field of the page says")
    parser.add_argument("--example", action="append", default=[], help="a text to try on the page; may be repeated")
    parser.add_argument("--language", default=ENGLISH, help="language of the texts and of the page (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="of the evaluation (%(default)s)")
    add_config_arguments(parser, FinetuneConfig)
    return parser


def _train(options: argparse.Namespace) -> int:
    if not options.name:
        raise ConfigError("--name is needed: the checkpoint gets it")
    run = options.run or Path("runs") / options.name
    output = options.output or Path("var/checkpoints") / options.name
    if output.exists() and not (output / CONFIG_FILE).is_file():
        raise DataError(f"{output} is there already, and no checkpoint: choose another --output")
    init = options.init or str(evaluate.DEFAULT_CHECKPOINT)
    number = len(load_split(options.data, "train", 0.0))
    config = config_from_arguments(options, FinetuneConfig, recipe(number, init))
    texts = read_texts(options.data, config.validation_share)
    labels = labels_of(texts.train)
    print(f"{len(labels)} labels, {counted(len(texts.train), 'text')} for training, "
          f"{len(texts.validation):,} for validation, {len(texts.judged):,} to evaluate ({texts.split})")  # fmt: skip
    print(f"TF-IDF with logistic regression: {baseline_accuracy(texts):.1%} of them right", flush=True)
    checkpoint = finetune_on(options.data, config, run)
    if checkpoint is None:
        return STOPPED
    page = Page(options.title or options.name, options.placeholder, tuple(options.example), options.language)
    arguments = ["--data", str(options.data), "--validation-share", str(config.validation_share)]
    arguments += ["--threads", str(options.threads)]
    warning = finish(checkpoint, run / "export", texts, page, options.language, arguments)
    publish(run / "export", output)
    print(output)
    if warning:
        print(f"warning: {warning}", file=sys.stderr)
        return NOT_BETTER
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

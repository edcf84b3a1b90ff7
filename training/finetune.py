"""Fine-tune an ELECTRA checkpoint to rate film reviews, or to give texts other labels.

``python -m training.finetune --help`` lists the options.

Writes a run folder: ``checkpoint/`` (float32 safetensors, tokenizer, config), ``run.json`` (options, command, seed,
data hash, commit, versions), ``log.jsonl`` (losses) and ``state/`` to resume from. Run the same command again to
resume. ``python -m training.export`` exports the result for serving.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import ElectraForSequenceClassification

from model_core.backends.attention import random_blocks, rate_at, rate_at_cls
from model_core.checkpoint import TOKENIZER_FILE, CheckpointConfig, write_config
from model_core.labels import FILM_RATINGS, LabelSet
from model_core.tokenizer import TextTokenizer
from training.config import ConfigError, FinetuneConfig, add_config_arguments, config_from_arguments
from training.data import Review, add_data_argument, fingerprint, load_split
from training.errors import TrainingError
from training.evaluation.validation import validation_figures
from training.models.initial import load_initial
from training.texts.augment import Example
from training.texts.beginnings import spread
from training.trainer.batches import EpochPlan, TrainingTexts, collate
from training.trainer.device import computes_in_bf16, pick_device
from training.trainer.loop import Figures, TrainingRun
from training.trainer.losses import beginnings_loss, rating_loss, td_targets
from training.trainer.run import begin_run, describe_run
from training.trainer.soft_labels import Library, read_soft_labels, with_soft

_FREE_TO_CHANGE = ("device", "save_minutes", "stop_after_minutes")
"""Options that may change when a run is resumed, since they do not affect the result."""

_FILM_OPTIONS = ("soft_labels", "stated_share", "emoji_share", "bare_rating_share", "bare_emoji_share", "neutral_share")
"""Options that make texts about films, or targets out of ten."""


class Finetuning:
    """The model, its optimizer, and the training texts. Raises ConfigError, InitError."""

    def __init__(self, config: FinetuneConfig, data: TrainingTexts, validation: Sequence[Review]) -> None:
        _check_options(config, data.label_set)
        torch.manual_seed(config.seed)
        self._config, self._data, self._validation = config, data, validation
        self._device = pick_device(config.device)
        self._bf16 = computes_in_bf16(self._device) if config.precision == "auto" else config.precision == "bf16"
        self.model, self._pieces = load_initial(
            config.init, config.hidden_dropout, config.attention_dropout, data.label_set
        )
        if self.model.config.max_position_embeddings < config.max_tokens:
            positions = self.model.config.max_position_embeddings
            raise ConfigError(f"max_tokens is {config.max_tokens}, but {config.init} has {positions} positions")
        self.model.electra.embeddings.word_embeddings.requires_grad_(config.train_embeddings)
        self.model.to(self._device)
        self._served = _checkpoint_config(config, data)
        self._tokenizer = TextTokenizer.for_config(self._pieces, self._served)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, config), lr=config.learning_rate, fused=True)
        self._epoch_steps = len(EpochPlan(data, config, epoch=0))
        self.steps = config.epochs * self._epoch_steps

    def batches(self, first_step: int) -> Iterator[list[Example]]:
        """The batches of all epochs from this step on."""
        epoch, first_batch = divmod(first_step, self._epoch_steps)
        for number in range(epoch, self._config.epochs):
            yield from EpochPlan(self._data, self._config, number, first_batch)
            first_batch = 0

    def rate(self, step: int, share: float) -> float:
        """Linear warmup, then linear decay to zero, by the share of the run."""
        return schedule(share, self._config.warmup_share)

    def backward(self, batch: Sequence[Example]) -> Figures:
        """Add the gradient of one batch."""
        encoded = [(self._tokenizer.encode(text).input_ids, target) for text, target in batch]
        tensors = collate(encoded, self._tokenizer.pad_id)
        ids, lengths, targets = (tensor.to(self._device) for tensor in tensors)
        with self._autocast():
            loss = training_loss(self.model, ids, lengths, targets, self._config)
        loss.backward()  # type: ignore[no-untyped-call]
        return {"loss": (loss.detach(), 1), "tokens": (int(tensors[1].sum()), 1)}

    def look(self, step: int, ended: bool) -> Mapping[str, Any] | None:
        """Evaluate on the held-out films after each epoch, and at the end of the run."""
        epoch, inside = divmod(step, self._epoch_steps)
        if not self._validation or (inside and not ended):
            return None
        with self._autocast():
            figures = validation_figures(self.model, self._tokenizer, self._pieces, self._validation, self._served)
        return {"validation": figures} if inside else {"epoch": epoch, "validation": figures}

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16)

    def save(self, folder: Path) -> Path:
        """Write the checkpoint."""
        self.model.save_pretrained(folder)
        self._tokenizer.save(folder / TOKENIZER_FILE)
        write_config(folder, self._served, json.loads((folder / "config.json").read_text()))
        return folder


def finetune(config: FinetuneConfig, data: TrainingTexts, validation: Sequence[Review], run: Path) -> Path | None:
    """Train, or resume the run in ``run``. Return the folder of the checkpoint, or None if the run was stopped.

    A finished run is not trained again. Raises ConfigError, InitError.
    """
    trainee = Finetuning(config, data, validation)
    loop = TrainingRun(run, trainee, config, average=config.average, patience=config.patience)
    return loop.finish(trainee.save)


def finetune_on(path: Path, config: FinetuneConfig, run: Path) -> Path | None:
    """Train on an archive or a dataset folder, or resume, as ``finetune`` does. Raises DataError, too."""
    train = load_split(path, "train", config.validation_share)
    validation = load_split(path, "validation", config.validation_share)
    if config.limit:
        train, validation = spread(train, config.limit), spread(validation, config.limit)
    if config.look_reviews:
        validation = spread(validation, config.look_reviews)
    data = TrainingTexts.of(train)
    if config.soft_labels:
        library = Library(path)
        data = with_soft(train, read_soft_labels(Path(config.soft_labels), library), library, config.soft_weight)
    _begin_run(run, _describe_run(config, train, validation, data))
    return finetune(config, data, validation, run)


def _check_options(config: FinetuneConfig, labels: LabelSet) -> None:
    """Raise ConfigError for options that these labels cannot have."""
    if labels != FILM_RATINGS and (given := [name for name in _FILM_OPTIONS if getattr(config, name)]):
        raise ConfigError(f"{', '.join(given)}: only for film ratings, and the data has other labels")
    if config.ordinal_weight and not labels.is_ordered:
        raise ConfigError("ordinal_weight needs labels in an order")


def training_loss(
    model: ElectraForSequenceClassification, ids: Tensor, lengths: Tensor, targets: Tensor, config: FinetuneConfig
) -> Tensor:
    """Loss of one batch: ids [texts, width], lengths [texts], targets [texts, labels]."""
    if config.attention == "full":
        return rating_loss(rate_at_cls(model, ids, lengths), targets, config.ordinal_weight).mean()
    blocks, reads, counted = random_blocks(lengths, ids.shape[1], longest=2 * config.block)
    logits = rate_at(model, ids, blocks, reads)
    wanted = td_targets(logits, reads, counted, targets, config.lookahead_tokens)
    return beginnings_loss(rating_loss(logits, wanted, config.ordinal_weight), counted, config.blocks_weight)


def schedule(share: float, warmup_share: float) -> float:
    """Learning rate at ``share`` of the run, relative to its peak: linear warmup, then linear decay to zero."""
    if share < warmup_share:
        return min(1.0, max(share, 1e-4) / warmup_share)
    return (1 - share) / (1 - warmup_share)


def parameter_groups(model: ElectraForSequenceClassification, config: FinetuneConfig) -> list[dict[str, object]]:
    """AdamW groups: learning rates falling by ``layer_decay`` from head to embeddings, no decay on norms and biases."""
    layers = model.config.num_hidden_layers
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        if ".encoder.layer." in name:
            below_head = layers - int(name.split(".encoder.layer.")[1].split(".")[0])
        else:
            below_head = 0 if name.startswith("classifier.") else layers + 1
        groups.setdefault((below_head, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "peak_lr": config.learning_rate * config.layer_decay**below_head,
            "weight_decay": config.weight_decay if is_matrix else 0.0,
        }
        for (below_head, is_matrix), parameters in groups.items()
    ]


def _checkpoint_config(config: FinetuneConfig, data: TrainingTexts) -> CheckpointConfig:
    return CheckpointConfig(
        name=config.name,
        version=time.strftime("%Y.%m.%d"),
        max_tokens=config.max_tokens,
        head_share=config.head_share,
        attention=config.attention,
        block=min(config.block, config.max_tokens),
        read_tokens=config.read_tokens if config.attention == "block-causal" else 1,
        # While the tail of a truncated text does not move, its finished blocks stay valid.
        tail_step=min(4 * config.block, config.max_tokens // 2) if config.attention == "block-causal" else 1,
        prior=tuple(round(share, 6) for share in data.prior),
        labels=data.label_set,
        text=config.text,
    )


def _describe_run(
    config: FinetuneConfig, train: Sequence[Review], validation: Sequence[Review], data: TrainingTexts
) -> dict[str, Any]:
    soft = hashlib.sha256(data.targets.numpy().tobytes()).hexdigest() if config.soft_labels else None
    return describe_run(
        "training.finetune",
        config,
        train={"reviews": len(train), "sha256": fingerprint(train), "soft_sha256": soft},
        validation={"reviews": len(validation), "sha256": fingerprint(validation)},
    )


def _begin_run(run: Path, described: dict[str, Any]) -> None:
    begin_run(run, described, _FREE_TO_CHANGE)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.finetune", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--run", type=Path, default=Path("runs/finetune"), help="run folder (%(default)s)")
    add_config_arguments(parser, FinetuneConfig)
    options = parser.parse_args(argv)
    try:
        config = config_from_arguments(options, FinetuneConfig)
        checkpoint = finetune_on(options.data, config, options.run)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if checkpoint is not None:
        print(
            f"{checkpoint}\nnext: python -m training.export {checkpoint} --output model_core/checkpoints/{config.name}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

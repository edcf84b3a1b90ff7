"""Fine-tune an ELECTRA checkpoint to rate film reviews. ``python -m training.finetune --help`` lists the options.

Writes a run folder: ``checkpoint/`` (float32 safetensors, tokenizer, config), ``run.json`` (options, command, seed,
data hash, commit, versions), ``log.jsonl`` (losses) and ``state/`` to resume from. Run the same command again to
resume; ``python -m training.export`` makes of the result what serving loads.
"""

import argparse
import dataclasses
import functools
import json
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import ElectraForSequenceClassification

from model_core.attention import random_blocks, rate_at, rate_at_cls
from model_core.checkpoint import TOKENIZER_FILE, CheckpointConfig, write_config
from model_core.labels import NUM_LABELS
from model_core.tokenizer import TextTokenizer
from training.batches import DrawnTexts, EpochPlan, TrainingTexts, collate
from training.beginnings import spread
from training.config import ConfigError, FinetuneConfig, add_config_arguments, config_from_arguments
from training.data import DataError, Review, fingerprint, load_split, read_unlabelled
from training.device import computes_in_bf16, pick_device
from training.distill import read_soft_labels
from training.initial import InitError, load_initial
from training.losses import beginnings_loss, rating_loss, td_targets
from training.run import begin_run, describe_run, open_log, restore, state_tensors
from training.validation import validation_figures

_FREE_TO_CHANGE = ("device", "save_minutes")
"""Options that a run may resume with although they differ: they do not change what comes out."""


def finetune(config: FinetuneConfig, data: TrainingTexts, validation: Sequence[Review], run: Path) -> Path:
    """Train, resuming what ``run`` holds, and return the folder of the checkpoint."""
    torch.manual_seed(config.seed)
    device = pick_device(config.device)
    model, raw_tokenizer = load_initial(config.init, config.hidden_dropout, config.attention_dropout)
    if model.config.max_position_embeddings < config.max_tokens:
        positions = model.config.max_position_embeddings
        raise ConfigError(f"max_tokens is {config.max_tokens}, where {config.init} has {positions} positions")
    model = model.to(device)
    served = _checkpoint_config(config, data)
    tokenizer = TextTokenizer.for_config(raw_tokenizer, served)
    optimizer = torch.optim.AdamW(parameter_groups(model, config), lr=config.learning_rate, fused=True)
    progress = _resume(run / "state", model, optimizer)

    dataset = DrawnTexts(data, tokenizer)
    total_steps = config.epochs * len(EpochPlan(data, config, epoch=0))
    pad = functools.partial(collate, pad_id=tokenizer.pad_id)
    bf16 = computes_in_bf16(device) if config.precision == "auto" else config.precision == "bf16"
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16)
    model.train()
    started = saved = time.monotonic()
    run.mkdir(parents=True, exist_ok=True)
    with (
        tqdm(total=total_steps, initial=progress.step, desc="train", mininterval=2) as bar,
        open_log(run, progress.step, progress.epoch) as log,
    ):
        share = 0.0
        for epoch in range(progress.epoch, config.epochs):
            if share >= 1:
                break
            plan = EpochPlan(data, config, epoch, first_batch=progress.batch)
            for ids, lengths, targets in DataLoader(dataset, batch_sampler=plan, collate_fn=pad):
                now = time.monotonic()
                share = progress.step / total_steps
                if config.budget_minutes:
                    share = max(share, (progress.seconds + now - started) / (60 * config.budget_minutes))
                if share >= 1:
                    break
                for group in optimizer.param_groups:
                    group["lr"] = group["peak_lr"] * schedule(share, config.warmup_share)
                # Dropout that depends on the step alone makes a resumed run the same as one that was not stopped.
                torch.manual_seed(config.seed + progress.step)
                with autocast:
                    loss = training_loss(model, ids.to(device), lengths.to(device), targets.to(device), config)
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

                progress.advance(loss.item())
                bar.update()
                if progress.step % 50 == 0:
                    bar.set_postfix(epoch=epoch + 1, loss=f"{progress.mean_loss:.3f}")
                    log.write(json.dumps({"step": progress.step, "loss": round(progress.mean_loss, 4)}) + "\n")
                    log.flush()
                if time.monotonic() - saved > 60 * config.save_minutes:
                    progress.seconds += time.monotonic() - started
                    _save_state(run / "state", model, optimizer, progress)
                    started = saved = time.monotonic()
            progress.epoch, progress.batch = epoch + 1, 0
            if validation:
                with autocast:
                    figures = validation_figures(model, tokenizer, raw_tokenizer, validation, served)
                log.write(json.dumps({"epoch": epoch + 1, "validation": figures}) + "\n")
                log.flush()
                tqdm.write(f"epoch {epoch + 1}: validation {figures}")
    return _save_checkpoint(run / "checkpoint", model, tokenizer, served)


def training_loss(
    model: ElectraForSequenceClassification, ids: Tensor, lengths: Tensor, targets: Tensor, config: FinetuneConfig
) -> Tensor:
    """Loss of one batch: ids [texts, width], lengths [texts], targets [texts, 8]."""
    if config.attention == "full":
        return rating_loss(rate_at_cls(model, ids, lengths), targets, config.ordinal_weight).mean()
    blocks, reads, counted = random_blocks(lengths, ids.shape[1], longest=2 * config.block)
    logits = rate_at(model, ids, blocks, reads)
    wanted = td_targets(logits, reads, counted, targets, config.lookahead_tokens)
    return beginnings_loss(rating_loss(logits, wanted, config.ordinal_weight), counted, config.blocks_weight)


def schedule(share: float, warmup_share: float) -> float:
    """Learning rate at ``share`` of the run, relative to its peak: linear up, then linear down to zero."""
    if share < warmup_share:
        return min(1.0, max(share, 1e-4) / warmup_share)
    return (1 - share) / (1 - warmup_share)


def parameter_groups(model: ElectraForSequenceClassification, config: FinetuneConfig) -> list[dict[str, object]]:
    """AdamW groups: learning rates falling by ``layer_decay`` from head to embeddings, no decay on norms and biases."""
    layers = model.config.num_hidden_layers
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
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


@dataclasses.dataclass
class RunProgress:
    """How far a run has come; kept beside weights and moments, so that the next start goes on from there."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    seconds: float = 0.0
    mean_loss: float = math.log(NUM_LABELS)

    def advance(self, loss: float) -> None:
        """Count one step; the loss shown is its running mean over about 100 steps."""
        self.step += 1
        self.batch += 1
        self.mean_loss += (loss - self.mean_loss) / min(100, self.step)


def _save_state(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, progress: RunProgress) -> None:
    """Write weights, moments and progress as one file, so that a run killed while saving keeps the older state."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "state.safetensors.part"
    save_file(state_tensors(model, optimizer), partial, metadata={"progress": json.dumps(dataclasses.asdict(progress))})
    partial.replace(folder / "state.safetensors")


def _resume(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> RunProgress:
    path = folder / "state.safetensors"
    if not path.exists():
        return RunProgress()
    restore(model, optimizer, load_file(path))
    with safe_open(path, "pt") as file:
        return RunProgress(**json.loads(file.metadata()["progress"]))


def _save_checkpoint(
    folder: Path, model: ElectraForSequenceClassification, tokenizer: TextTokenizer, served: CheckpointConfig
) -> Path:
    model.save_pretrained(folder)
    tokenizer.save(folder / TOKENIZER_FILE)
    write_config(folder, served, json.loads((folder / "config.json").read_text()))
    return folder


def _checkpoint_config(config: FinetuneConfig, data: TrainingTexts) -> CheckpointConfig:
    prior = data.targets[: data.rated].mean(0, dtype=torch.float64)
    return CheckpointConfig(
        name=config.name,
        version=time.strftime("%Y.%m.%d"),
        max_tokens=config.max_tokens,
        head_share=config.head_share,
        attention=config.attention,
        block=min(config.block, config.max_tokens),
        read_tokens=config.read_tokens if config.attention == "block-causal" else 1,
        # Between two steps of the tail the finished blocks of a long text stay true.
        tail_step=min(4 * config.block, config.max_tokens // 2) if config.attention == "block-causal" else 1,
        prior=tuple(round(share, 6) for share in prior.tolist()),
    )


def _describe_run(config: FinetuneConfig, train: Sequence[Review], validation: Sequence[Review]) -> dict[str, Any]:
    return describe_run(
        "training.finetune",
        config,
        train={"reviews": len(train), "sha256": fingerprint(train)},
        validation={"reviews": len(validation), "sha256": fingerprint(validation)},
    )


def _begin_run(run: Path, described: dict[str, Any]) -> None:
    begin_run(run, described, _FREE_TO_CHANGE)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.finetune", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/aclImdb_v1.tar.gz"), help="archive (%(default)s)")
    parser.add_argument("--run", type=Path, default=Path("runs/finetune"), help="run folder (%(default)s)")
    add_config_arguments(parser, FinetuneConfig)
    options = parser.parse_args(argv)
    try:
        config = config_from_arguments(options, FinetuneConfig)
        train = load_split(options.data, "train", config.validation_share)
        validation = load_split(options.data, "validation", config.validation_share)
        if config.limit:
            train, validation = spread(train, config.limit), spread(validation, config.limit)
        data = TrainingTexts.of(train)
        if config.soft_labels:
            unlabelled = read_unlabelled(options.data)
            data = data.with_soft(unlabelled, read_soft_labels(Path(config.soft_labels), unlabelled))
        _begin_run(options.run, _describe_run(config, train, validation))
        checkpoint = finetune(config, data, validation, options.run)
    except (ConfigError, DataError, InitError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{checkpoint}\nnext: python -m training.export {checkpoint} --output model_core/checkpoints/{config.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

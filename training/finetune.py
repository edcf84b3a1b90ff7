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
import platform
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional
from torch.utils.data import DataLoader
from tqdm import tqdm
from transformers import ElectraForSequenceClassification

from model_core.checkpoint import TOKENIZER_FILE, CheckpointConfig, write_config
from model_core.labels import NUM_LABELS, STARS
from model_core.tokenizer import TextTokenizer
from training.batches import EpochPlan, ReviewDataset, collate
from training.config import ConfigError, FinetuneConfig, add_config_arguments, config_from_arguments
from training.data import DataError, Review, fingerprint, load_split
from training.initial import InitError, load_initial

_FREE_TO_CHANGE = ("device", "save_minutes")
"""Options that a run may resume with although they differ: they do not change what comes out."""


def finetune(config: FinetuneConfig, train: Sequence[Review], validation: Sequence[Review], run: Path) -> Path:
    """Train, resuming what ``run`` holds, and return the folder of the checkpoint."""
    torch.manual_seed(config.seed)
    fastest = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(fastest if config.device == "auto" else config.device)
    model, raw_tokenizer = load_initial(config.init, config.hidden_dropout, config.attention_dropout)
    if model.config.max_position_embeddings < config.max_tokens:
        positions = model.config.max_position_embeddings
        raise ConfigError(f"max_tokens is {config.max_tokens}, where {config.init} has {positions} positions")
    model = model.to(device)
    tokenizer = TextTokenizer(raw_tokenizer, config.max_tokens, config.head_share)
    optimizer = torch.optim.AdamW(parameter_groups(model, config), lr=config.learning_rate, fused=True)
    progress = _resume(run / "state", model, optimizer)

    dataset = ReviewDataset(train, tokenizer)
    total_steps = config.epochs * len(EpochPlan(train, config, epoch=0))
    pad = functools.partial(collate, pad_id=tokenizer.pad_id)
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=_computes_in_bf16(config, device))
    model.train()
    started = saved = time.monotonic()
    run.mkdir(parents=True, exist_ok=True)
    with (
        tqdm(total=total_steps, initial=progress.step, desc="train", mininterval=2) as bar,
        (run / "log.jsonl").open("a", encoding="utf-8") as log,
    ):
        share = 0.0
        for epoch in range(progress.epoch, config.epochs):
            if share >= 1:
                break
            plan = EpochPlan(train, config, epoch, first_batch=progress.batch)
            for ids, mask, labels in DataLoader(dataset, batch_sampler=plan, collate_fn=pad):
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
                    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device)).logits
                loss = functional.cross_entropy(logits.float(), labels.to(device))
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
                accuracy = quick_accuracy(model, tokenizer, validation, autocast)
                log.write(json.dumps({"epoch": epoch + 1, "validation_accuracy": round(accuracy, 4)}) + "\n")
                tqdm.write(f"epoch {epoch + 1}: validation accuracy {accuracy:.4f}")
    return _save_checkpoint(run / "checkpoint", model, tokenizer, config, train)


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


@torch.inference_mode()
def quick_accuracy(
    model: ElectraForSequenceClassification,
    tokenizer: TextTokenizer,
    reviews: Sequence[Review],
    autocast: torch.autocast,
) -> float:
    """Share of whole reviews whose most probable class is right: a look on the way, not the evaluation."""
    model.eval()
    encoded = sorted(
        ((tokenizer.encode(review.text).input_ids, review.label) for review in reviews), key=lambda item: len(item[0])
    )
    right = 0
    for start in range(0, len(encoded), 32):
        ids, mask, labels = collate(encoded[start : start + 32], tokenizer.pad_id)
        with autocast:
            logits = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device)).logits
        right += int((logits.argmax(-1).cpu() == labels).sum())
    model.train()
    return right / len(encoded)


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
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    partial = folder / "state.safetensors.part"
    save_file(tensors, partial, metadata={"progress": json.dumps(dataclasses.asdict(progress))})
    partial.replace(folder / "state.safetensors")


def _resume(folder: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> RunProgress:
    path = folder / "state.safetensors"
    if not path.exists():
        return RunProgress()
    tensors = load_file(path)
    model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    state = optimizer.state_dict()
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(state)
    with safe_open(path, "pt") as file:
        return RunProgress(**json.loads(file.metadata()["progress"]))


def _save_checkpoint(
    folder: Path,
    model: ElectraForSequenceClassification,
    tokenizer: TextTokenizer,
    config: FinetuneConfig,
    train: Sequence[Review],
) -> Path:
    model.save_pretrained(folder)
    tokenizer.save(folder / TOKENIZER_FILE)
    counts = Counter(review.stars for review in train)
    starcast = CheckpointConfig(
        name=config.name,
        version=time.strftime("%Y.%m.%d"),
        max_tokens=config.max_tokens,
        head_share=config.head_share,
        prior=tuple(round(counts[stars] / len(train), 6) for stars in STARS),
    )
    write_config(folder, starcast, json.loads((folder / "config.json").read_text()))
    return folder


def _computes_in_bf16(config: FinetuneConfig, device: torch.device) -> bool:
    """Whether to compute in bf16: without instructions for it, a CPU is many times slower in bf16 than in float32."""
    if config.precision != "auto":
        return config.precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001 - PyTorch has no public name for it


def _describe_run(config: FinetuneConfig, train: Sequence[Review], validation: Sequence[Review]) -> dict[str, Any]:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "config": dataclasses.asdict(config),
        "command": shlex.join(["python", "-m", "training.finetune", *sys.argv[1:]]),
        "commit": commit or None,
        "train": {"reviews": len(train), "sha256": fingerprint(train)},
        "validation": {"reviews": len(validation), "sha256": fingerprint(validation)},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def _begin_run(run: Path, described: dict[str, Any]) -> None:
    """Write ``run.json``. Raises ConfigError where the folder holds the state of another run, which would be mixed."""
    path = run / "run.json"
    if path.exists() and (run / "state").exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = [name for name, value in described["config"].items() if before["config"].get(name) != value]
        changed = [name for name in changed if name not in _FREE_TO_CHANGE]
        if before["train"] != described["train"]:
            changed.append("data")
        if changed:
            raise ConfigError(f"{run} holds a run with another {', '.join(changed)}: give another --run, or remove it")
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def _spread(reviews: list[Review], count: int) -> list[Review]:
    """At most ``count`` reviews, evenly from the whole list: it is sorted by sentiment."""
    return reviews[:: max(1, len(reviews) // count)][:count]


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
            train, validation = _spread(train, config.limit), _spread(validation, max(1, config.limit // 4))
        _begin_run(options.run, _describe_run(config, train, validation))
        checkpoint = finetune(config, train, validation, options.run)
    except (ConfigError, DataError, InitError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{checkpoint}\nnext: python -m training.export {checkpoint} --output model_core/checkpoints/{config.name}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

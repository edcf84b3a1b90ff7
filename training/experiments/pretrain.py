"""Pre-train an ELECTRA encoder on the reviews themselves, by replaced-token detection (ELECTRA: Clark et al. 2020).

A small generator predicts masked tokens; the discriminator learns which tokens of the result are not the original
ones. Only the discriminator is kept. ``python -m training.experiments.pretrain --help`` lists the options. Pack the
texts first with ``python -m training.experiments.pack``.

Writes a run folder like ``training.finetune``: ``checkpoint/`` (for ``training.finetune --init``), ``run.json``,
``log.jsonl`` (both losses) and ``state/``. Run the same command again to resume.
"""

import argparse
import copy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from model_core.backends.attention import random_blocks
from model_core.checkpoint import TOKENIZER_FILE
from training.config import ConfigError, add_config_arguments, config_from_arguments
from training.errors import TrainingError
from training.experiments.pack import (
    Masked,
    PackedTexts,
    SequencePlan,
    corrupt,
    mask_tokens,
    read_packed,
    special_ids,
)
from training.experiments.pretrain_config import PretrainConfig
from training.finetune import schedule
from training.models.initial import load_initial
from training.trainer.device import computes_in_bf16, pick_device
from training.trainer.loop import Figures, TrainingRun
from training.trainer.run import begin_run, describe_run

_FREE_TO_CHANGE = ("device", "save_minutes", "stop_after_minutes", "shard_mb", "half_checkpoint")
"""Options that may change when a run is resumed, since they do not affect the result."""

_POSITIONS = 512
_ONE_FILE = "50GB"
_SHAPE = (
    *("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_act", "pad_token_id"),
)
_AS_TRAINED = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_implementation": "sdpa"}


class ReplacedTokenDetection(torch.nn.Module):
    """Generator and discriminator with shared embeddings, as in ELECTRA's own code."""

    def __init__(self, discriminator: ElectraForPreTraining, generator_share: float, weight: float) -> None:
        super().__init__()
        self.discriminator = discriminator
        self.generator = ElectraForMaskedLM(_generator_config(discriminator.config, generator_share))
        embeddings = discriminator.electra.embeddings
        self.generator.electra.embeddings = embeddings
        self.generator.generator_lm_head.weight = embeddings.word_embeddings.weight
        self._weight = weight

    def forward(self, batch: Masked, allowed: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the loss, and figures [4]: both losses, replaced tokens that were found, replaced tokens.

        ``allowed`` [sequences, 1, tokens, tokens] is true where attention is allowed; None allows all.
        """
        logits = self._guess(batch, allowed)
        originals = batch.ids.gather(1, batch.chosen).masked_fill(~batch.counted, -100)
        generator_loss = functional.cross_entropy(logits.flatten(0, 1), originals.flatten())
        corrupted, replaced = corrupt(batch, gumbel_sample(logits.detach()))
        scores = self.discriminator(input_ids=corrupted, attention_mask=allowed).logits.float()
        discriminator_loss = functional.binary_cross_entropy_with_logits(scores, replaced.float())
        found = ((scores > 0) & replaced).sum()
        figures = torch.stack([generator_loss, discriminator_loss, found, replaced.sum()]).detach()
        return generator_loss + self._weight * discriminator_loss, figures

    def _guess(self, batch: Masked, allowed: Tensor | None) -> Tensor:
        """Return the generator's logits [sequences, chosen, vocabulary], only at chosen tokens: they are large."""
        hidden = self.generator.electra(input_ids=batch.shown, attention_mask=allowed).last_hidden_state
        at_chosen = hidden.gather(1, batch.chosen[:, :, None].expand(-1, -1, hidden.shape[-1]))
        logits: Tensor = self.generator.generator_lm_head(self.generator.generator_predictions(at_chosen))
        return logits.float()


def block_causal(ids: Tensor, block: int) -> Tensor:
    """Return the attention mask [sequences, 1, tokens, tokens] of random blocks of 1 to twice ``block`` tokens."""
    lengths = torch.full((len(ids),), ids.shape[1], device=ids.device)
    blocks, _, _ = random_blocks(lengths, ids.shape[1], longest=2 * block)
    allowed: Tensor = blocks[:, None, :, None] >= blocks[:, None, None, :]
    return allowed


def gumbel_sample(logits: Tensor) -> Tensor:
    """Sample from the softmax of logits [..., choices] by the Gumbel-max trick."""
    noise = -torch.log(-torch.log(torch.rand_like(logits) + 1e-9) + 1e-9)
    return (logits + noise).argmax(-1)


def _generator_config(config: ElectraConfig, share: float) -> ElectraConfig:
    """The generator's config: narrower, with the discriminator's head size and depth."""
    heads = max(1, round(share * config.num_attention_heads))
    hidden = heads * config.hidden_size // config.num_attention_heads
    intermediate = hidden * config.intermediate_size // config.hidden_size
    narrower = {"hidden_size": hidden, "num_attention_heads": heads, "intermediate_size": intermediate}
    return ElectraConfig(**{**config.to_dict(), **narrower, **_AS_TRAINED})


def initial_model(config: PretrainConfig, packed: PackedTexts) -> ReplacedTokenDetection:
    """Return the discriminator, from scratch or with the encoder of a checkpoint, and its generator, without dropout.

    Raises ConfigError, InitError.
    """
    if config.init == "scratch":
        discriminator = ElectraForPreTraining(_scratch_config(config, packed.tokenizer))
    else:
        start, tokenizer = load_initial(config.init, hidden_dropout=0.0, attention_dropout=0.0)
        if tokenizer.get_vocab() != packed.tokenizer.get_vocab():
            raise ConfigError(
                f"the texts were packed with another vocabulary: training.experiments.pack --init {config.init}"
            )
        # Only the shape: labels and temperature of the checkpoint are no longer valid.
        shape = {name: getattr(start.config, name) for name in _SHAPE}
        discriminator = ElectraForPreTraining(ElectraConfig(**shape, **_AS_TRAINED))
        discriminator.electra = start.electra
    positions = discriminator.config.max_position_embeddings
    if positions < config.sequence_tokens:
        raise ConfigError(f"sequence_tokens is {config.sequence_tokens}, but {config.init} has {positions} positions")
    largest = discriminator.electra.embeddings.word_embeddings.weight.nbytes / 2**20
    if config.shard_mb and largest > config.shard_mb:
        raise ConfigError(f"shard_mb is {config.shard_mb}, but the word embeddings alone take {largest:.0f} MiB")
    return ReplacedTokenDetection(discriminator, config.generator_share, config.discriminator_weight)


def _scratch_config(config: PretrainConfig, tokenizer: Tokenizer) -> ElectraConfig:
    return ElectraConfig(
        vocab_size=tokenizer.get_vocab_size(),
        embedding_size=config.embedding,
        hidden_size=config.hidden,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate,
        max_position_embeddings=_POSITIONS,
        pad_token_id=tokenizer.token_to_id("[PAD]"),
        **_AS_TRAINED,
    )


class Pretraining:
    """Both models, their optimizer, and the training texts. Raises ConfigError, InitError."""

    def __init__(self, config: PretrainConfig, packed: PackedTexts) -> None:
        torch.manual_seed(config.seed)
        self._config, self._tokenizer = config, packed.tokenizer
        self._device = pick_device(config.device)
        self._bf16 = computes_in_bf16(self._device) if config.precision == "auto" else config.precision == "bf16"
        self._plan = SequencePlan(packed, config)
        special = special_ids(packed.tokenizer)
        self._mask_id = special["[MASK]"]
        self._special = torch.zeros(packed.tokenizer.get_vocab_size(), dtype=torch.bool, device=self._device)
        self._special[list(special.values())] = True
        self.model = initial_model(config, packed).to(self._device)
        self._losses: Any = torch.compile(self.model) if config.compile else self.model
        groups = parameter_groups(self.model, config.weight_decay)
        for group in groups:
            group["peak_lr"] = config.learning_rate
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, eps=1e-6, fused=True)
        self.steps = config.steps

    def batches(self, first_step: int) -> Iterator[Tensor]:
        """Token ids [sequences, tokens] of each step."""
        return (self._plan.ids(step) for step in range(first_step, self.steps))

    def rate(self, step: int, share: float) -> float:
        """Linear warmup, then linear decay to zero, by the share of the run."""
        return schedule(share, self._config.warmup_share)

    def backward(self, batch: Tensor) -> Figures:
        """Add the gradient of one batch, computed in parts."""
        config = self._config
        masked = mask_tokens(batch.to(self._device), self._special, self._mask_id, config)
        allowed = block_causal(masked.ids, config.block) if config.attention == "block-causal" else None
        masks = [None] * config.accumulate if allowed is None else allowed.chunk(config.accumulate)
        parts = zip(*(tensor.chunk(config.accumulate) for tensor in masked), strict=True)
        sums = torch.zeros(4, device=self._device)
        for part, mask in zip(parts, masks, strict=True):
            with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16):
                loss, figures = self._losses(Masked(*part), mask)
            (loss / config.accumulate).backward()
            sums += figures
        generator_loss, discriminator_loss, found, replaced = sums.tolist()
        return {
            "generator_loss": (generator_loss, config.accumulate),
            "discriminator_loss": (discriminator_loss, config.accumulate),
            "replaced_found": (found, replaced),
        }

    def look(self, step: int, ended: bool) -> None:
        """Nothing to log besides the losses."""

    def save(self, folder: Path) -> Path:
        """Write the discriminator for ``training.models.initial``."""
        model = self.model.discriminator
        if self._config.half_checkpoint:
            model = copy.deepcopy(model).half()
        model.save_pretrained(folder, max_shard_size=self._config.shard_mb * 2**20 or _ONE_FILE)
        self._tokenizer.save(str(folder / TOKENIZER_FILE))
        return folder


def pretrain(config: PretrainConfig, packed: PackedTexts, run: Path) -> Path | None:
    """Train, or resume the run in ``run``. Return the folder of the checkpoint, or None if the run was stopped.

    A finished run is not trained again. Raises ConfigError, InitError.
    """
    trainee = Pretraining(config, packed)
    return TrainingRun(run, trainee, config, piece_bytes=config.shard_mb * 2**20).finish(trainee.save)


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """AdamW groups: no decay on norms and biases."""
    return [
        {"params": [one for one in model.parameters() if one.ndim > 1], "weight_decay": weight_decay},
        {"params": [one for one in model.parameters() if one.ndim == 1], "weight_decay": 0.0},
    ]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.experiments.pretrain", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/packed.safetensors"), help="packed (%(default)s)")
    parser.add_argument("--run", type=Path, default=Path("runs/pretrain"), help="run folder (%(default)s)")
    add_config_arguments(parser, PretrainConfig)
    options = parser.parse_args(argv)
    try:
        config = config_from_arguments(options, PretrainConfig)
        packed = read_packed(options.data)
        if config.limit:
            packed = packed.first(config.limit)
        described = describe_run("training.experiments.pretrain", config, train=packed.described())
        begin_run(options.run, described, _FREE_TO_CHANGE)
        checkpoint = pretrain(config, packed, options.run)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if checkpoint is not None:
        print(f"{checkpoint}\nnext: python -m training.finetune --init {checkpoint}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Pre-train an ELECTRA encoder on the reviews themselves, by replaced-token detection (ELECTRA: Clark et al. 2020).

A small generator guesses masked tokens; the discriminator learns to tell which tokens of what comes out are not the
original ones. Only the discriminator is kept. ``python -m training.pretrain --help`` lists the options; pack the texts
before by ``python -m training.pack``.

Writes a run folder as ``training.finetune`` does: ``checkpoint/`` (for ``training.finetune --init``), ``run.json``,
``log.jsonl`` (both losses) and ``state/``. Run the same command again to resume.
"""

import argparse
import copy
import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from model_core.attention import random_blocks
from model_core.checkpoint import TOKENIZER_FILE
from training.config import ConfigError, PretrainConfig, add_config_arguments, config_from_arguments
from training.data import DataError
from training.device import computes_in_bf16, pick_device
from training.finetune import schedule
from training.initial import InitError, load_initial
from training.pack import Masked, PackedTexts, SequencePlan, corrupt, mask_tokens, read_packed, special_ids
from training.run import begin_run, describe_run, load_pieces, open_log, restore, save_pieces, state_tensors

_FREE_TO_CHANGE = ("device", "save_minutes", "stop_after_minutes", "shard_mb", "half_checkpoint")
"""Options that a run may resume with although they differ: they do not change what is learned."""

_LOG_STEPS = 50
_POSITIONS = 512
_ONE_FILE = "50GB"
_SHAPE = (
    *("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"),
    *("max_position_embeddings", "type_vocab_size", "layer_norm_eps", "hidden_act", "pad_token_id"),
)
_AS_TRAINED = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "attn_implementation": "sdpa"}


class ReplacedTokenDetection(torch.nn.Module):
    """Generator and discriminator on the same embeddings, as in ELECTRA's own code."""

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

        ``allowed`` [sequences, 1, tokens, tokens] says what a token sees; None is everything.
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
        """Logits [sequences, chosen, vocabulary] of the generator: only where they are needed, for they are large."""
        hidden = self.generator.electra(input_ids=batch.shown, attention_mask=allowed).last_hidden_state
        at_chosen = hidden.gather(1, batch.chosen[:, :, None].expand(-1, -1, hidden.shape[-1]))
        logits: Tensor = self.generator.generator_lm_head(self.generator.generator_predictions(at_chosen))
        return logits.float()


def block_causal(ids: Tensor, block: int) -> Tensor:
    """What each token sees, [sequences, 1, tokens, tokens]: blocks of 1 to twice ``block`` tokens, drawn at random."""
    lengths = torch.full((len(ids),), ids.shape[1], device=ids.device)
    blocks, _, _ = random_blocks(lengths, ids.shape[1], longest=2 * block)
    allowed: Tensor = blocks[:, None, :, None] >= blocks[:, None, None, :]
    return allowed


def gumbel_sample(logits: Tensor) -> Tensor:
    """Draw from the softmax of logits [..., choices]: the largest after adding Gumbel noise."""
    noise = -torch.log(-torch.log(torch.rand_like(logits) + 1e-9) + 1e-9)
    return (logits + noise).argmax(-1)


def _generator_config(config: ElectraConfig, share: float) -> ElectraConfig:
    """Narrower, with heads as wide as the discriminator's, and as deep."""
    heads = max(1, round(share * config.num_attention_heads))
    hidden = heads * config.hidden_size // config.num_attention_heads
    intermediate = hidden * config.intermediate_size // config.hidden_size
    narrower = {"hidden_size": hidden, "num_attention_heads": heads, "intermediate_size": intermediate}
    return ElectraConfig(**{**config.to_dict(), **narrower, **_AS_TRAINED})


def initial_model(config: PretrainConfig, packed: PackedTexts) -> ReplacedTokenDetection:
    """The discriminator, from scratch or around the encoder of a checkpoint, and its generator, without dropout.

    Raises ConfigError, InitError.
    """
    if config.init == "scratch":
        discriminator = ElectraForPreTraining(_scratch_config(config, packed.tokenizer))
    else:
        start, tokenizer = load_initial(config.init, hidden_dropout=0.0, attention_dropout=0.0)
        if tokenizer.get_vocab() != packed.tokenizer.get_vocab():
            raise ConfigError(f"the texts were packed with another vocabulary: training.pack --init {config.init}")
        # The shape alone: of labels or a temperature that the checkpoint may have, nothing stays true.
        shape = {name: getattr(start.config, name) for name in _SHAPE}
        discriminator = ElectraForPreTraining(ElectraConfig(**shape, **_AS_TRAINED))
        discriminator.electra = start.electra
    positions = discriminator.config.max_position_embeddings
    if positions < config.sequence_tokens:
        raise ConfigError(f"sequence_tokens is {config.sequence_tokens}, where {config.init} has {positions} positions")
    largest = discriminator.electra.embeddings.word_embeddings.weight.nbytes / 2**20
    if config.shard_mb and largest > config.shard_mb:
        raise ConfigError(f"shard_mb is {config.shard_mb}, where the word embeddings alone take {largest:.0f} MiB")
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


@dataclasses.dataclass
class Progress:
    """How far a run has come; kept beside weights and moments."""

    step: int = 0
    seconds: float = 0.0
    figures: list[float] = dataclasses.field(default_factory=lambda: [0.0] * 4)
    """Sums of what ``ReplacedTokenDetection`` tells, since the last line of the log."""
    unlogged: int = 0
    """Steps since then."""

    def share(self, config: PretrainConfig) -> float:
        """Share of the run that is over."""
        done = self.step / config.steps
        return max(done, self.seconds / (60 * config.budget_minutes)) if config.budget_minutes else done


class Pretraining:
    """One run: model, optimizer and progress, from the state in the run folder. Raises ConfigError, InitError."""

    def __init__(self, config: PretrainConfig, packed: PackedTexts, run: Path) -> None:
        self._began = time.monotonic()
        torch.manual_seed(config.seed)
        self._config, self._run, self._tokenizer = config, run, packed.tokenizer
        self._device = pick_device(config.device)
        self._bf16 = computes_in_bf16(self._device) if config.precision == "auto" else config.precision == "bf16"
        self._plan = SequencePlan(packed, config)
        special = special_ids(packed.tokenizer)
        self._mask_id = special["[MASK]"]
        self._special = torch.zeros(packed.tokenizer.get_vocab_size(), dtype=torch.bool, device=self._device)
        self._special[list(special.values())] = True
        self.model = initial_model(config, packed).to(self._device).train()
        self._losses: Any = torch.compile(self.model) if config.compile else self.model
        self._optimizer = torch.optim.AdamW(
            parameter_groups(self.model, config.weight_decay), lr=config.learning_rate, eps=1e-6, fused=True
        )
        self.progress = Progress()
        if (saved := load_pieces(run / "state")) is not None:
            restore(self.model, self._optimizer, saved[0])
            self.progress = Progress(**saved[1])
        self._figures = torch.tensor(self.progress.figures, device=self._device)

    def train(self) -> bool:
        """Go on to the end of the run, or until it is time to stop; return whether it is the end. Saves either way."""
        config, progress = self._config, self.progress
        last = saved = time.monotonic()
        with (
            tqdm(total=config.steps, initial=progress.step, desc="pretrain", mininterval=2) as bar,
            open_log(self._run, progress.step) as log,
        ):
            while progress.share(config) < 1:
                if config.stop_after_minutes and last - self._began >= 60 * config.stop_after_minutes:
                    break
                self._step()
                now = time.monotonic()
                progress.seconds, last = progress.seconds + now - last, now
                bar.update()
                if progress.step == 1 or progress.step % _LOG_STEPS == 0 or progress.share(config) >= 1:
                    figures = self._figures_since_last_line()
                    bar.set_postfix(figures)
                    log.write(json.dumps({"step": progress.step, **figures}) + "\n")
                    log.flush()
                if last - saved > 60 * config.save_minutes:
                    self._save()
                    saved = time.monotonic()
        self._save()
        return progress.share(config) >= 1

    def _step(self) -> None:
        config, progress = self._config, self.progress
        rate = config.learning_rate * schedule(progress.share(config), config.warmup_share)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        # What is drawn depends on the step alone, so that a resumed run is the same as one that was not stopped.
        torch.manual_seed(config.seed + progress.step)
        ids = self._plan.ids(progress.step).to(self._device)
        batch = mask_tokens(ids, self._special, self._mask_id, config)
        allowed = block_causal(ids, config.block) if config.attention == "block-causal" else None
        masks = [None] * config.accumulate if allowed is None else allowed.chunk(config.accumulate)
        parts = zip(*(tensor.chunk(config.accumulate) for tensor in batch), strict=True)
        for part, mask in zip(parts, masks, strict=True):
            with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._bf16):
                loss, figures = self._losses(Masked(*part), mask)
            (loss / config.accumulate).backward()
            self._figures += figures
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), config.max_grad_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        progress.step += 1
        progress.unlogged += 1

    def _figures_since_last_line(self) -> dict[str, float]:
        """Mean losses, and the share of the replaced tokens that were found."""
        parts = self.progress.unlogged * self._config.accumulate
        generator_loss, discriminator_loss, found, replaced = self._figures.tolist()
        self._figures = torch.zeros_like(self._figures)
        self.progress.unlogged = 0
        return {
            "generator_loss": round(generator_loss / parts, 4),
            "discriminator_loss": round(discriminator_loss / parts, 4),
            "replaced_found": round(found / max(1.0, replaced), 4),
        }

    def _save(self) -> None:
        self.progress.figures = self._figures.tolist()
        tensors = state_tensors(self.model, self._optimizer)
        save_pieces(self._run / "state", tensors, dataclasses.asdict(self.progress), self._config.shard_mb * 2**20)

    def save_checkpoint(self) -> Path:
        """Write the discriminator, as ``training.initial`` reads it, and return its folder."""
        folder = self._run / "checkpoint"
        model = self.model.discriminator
        if self._config.half_checkpoint:
            model = copy.deepcopy(model).half()
        model.save_pretrained(folder, max_shard_size=self._config.shard_mb * 2**20 or _ONE_FILE)
        self._tokenizer.save(str(folder / TOKENIZER_FILE))
        return folder


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """AdamW groups: no decay on norms and biases."""
    return [
        {"params": [one for one in model.parameters() if one.ndim > 1], "weight_decay": weight_decay},
        {"params": [one for one in model.parameters() if one.ndim == 1], "weight_decay": 0.0},
    ]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.pretrain", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("runs/packed.safetensors"), help="packed (%(default)s)")
    parser.add_argument("--run", type=Path, default=Path("runs/pretrain"), help="run folder (%(default)s)")
    add_config_arguments(parser, PretrainConfig)
    options = parser.parse_args(argv)
    try:
        config = config_from_arguments(options, PretrainConfig)
        packed = read_packed(options.data)
        if config.limit:
            packed = packed.first(config.limit)
        described = describe_run("training.pretrain", config, train=packed.described())
        begin_run(options.run, described, _FREE_TO_CHANGE)
        pretraining = Pretraining(config, packed, options.run)
        if not pretraining.train():
            print(f"stopped at step {pretraining.progress.step}: give the same command again to go on")
            return 0
        checkpoint = pretraining.save_checkpoint()
    except (ConfigError, DataError, InitError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{checkpoint}\nnext: python -m training.finetune --init {checkpoint}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

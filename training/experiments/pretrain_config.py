"""Options of pre-training."""

from dataclasses import dataclass
from typing import Literal

from model_core.checkpoint import Attention
from training.config import ConfigError, check_kinds, check_not_negative, check_ranges, check_rates


@dataclass(frozen=True)
class PretrainConfig:
    """Options of ``training.experiments.pretrain``; the shape by default is ELECTRA-small's (Clark et al. 2020)."""

    init: str = "scratch"
    """``scratch``, or whose encoder to start from, as ``training.finetune`` takes it: ``minilm``, a folder, a name."""
    layers: int = 12
    """From scratch: layers of the discriminator, and of the generator too."""
    hidden: int = 256
    """From scratch: width of the discriminator."""
    embedding: int = 128
    """From scratch: width of the embeddings."""
    heads: int = 4
    intermediate: int = 1024
    generator_share: float = 0.25
    """Width of the generator, as a share of the discriminator's."""
    mask_share: float = 0.15
    """Share of the tokens that the generator has to guess."""
    kept_share: float = 0.15
    """Of these, the share that the generator is shown as they are; the rest are masked."""
    discriminator_weight: float = 50.0
    attention: Attention = "full"
    """``block-causal``: learn to read as ``training.finetune`` does with the same option."""
    block: int = 16
    """Block-causal: blocks are of 1 to twice as many tokens, drawn at random."""
    sequence_tokens: int = 512
    """Tokens of one sequence. Fine-tuning meets untrained positions where it reads longer texts."""
    batch_size: int = 64
    """Sequences of one step."""
    accumulate: int = 1
    """Compute a step in so many parts, which takes less memory; what comes out is nearly the same."""
    steps: int = 100_000
    budget_minutes: float = 0.0
    """If above 0, end after this much training time; the learning rate then decays over the time."""
    stop_after_minutes: float = 0.0
    """If above 0, save and stop after this much time, to go on when the same command is given again."""
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    max_grad_norm: float = 1.0
    compile: bool = False
    """Compile the model (``torch.compile``): minutes at the start, faster steps."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """``auto``: bf16 where the hardware computes in it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 1
    save_minutes: float = 5.0
    shard_mb: int = 0
    """If above 0, write weights and state in files of at most so many MiB, but for their headers."""
    half_checkpoint: bool = False
    """Write the checkpoint in float16, half the size. Fine-tuning computes in float32 all the same."""
    limit: int = 0
    """If above 0, read so many documents only: for tests and first looks."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check_ranges(
            self,
            ("layers", 1, 48),
            ("hidden", 8, 4096),
            ("embedding", 8, 4096),
            ("heads", 1, 64),
            ("intermediate", 8, 16384),
            ("generator_share", 0.01, 1),
            ("mask_share", 0.01, 0.5),
            ("kept_share", 0, 0.9),
            ("discriminator_weight", 0, 1000),
            ("block", 1, 256),
            ("sequence_tokens", 8, 512),
            ("batch_size", 1, 65536),
            ("accumulate", 1, 65536),
            ("steps", 1, 10**8),
            ("weight_decay", 0, 1),
            ("warmup_share", 0, 0.9),
        )
        if self.hidden % self.heads:
            raise ConfigError(f"hidden is {self.hidden}, which {self.heads} heads do not divide")
        if self.batch_size % self.accumulate:
            raise ConfigError(f"batch_size is {self.batch_size}, which accumulate {self.accumulate} does not divide")
        check_rates(self)
        check_not_negative(self, "budget_minutes", "stop_after_minutes", "save_minutes", "shard_mb", "limit")

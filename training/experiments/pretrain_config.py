"""Options of pre-training."""

from typing import Annotated

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from model_core.checkpoint import Attention
from training.config import (
    STRICT,
    Accumulate,
    BudgetMinutes,
    Device,
    MaxGradNorm,
    Precision,
    SaveMinutes,
    StopAfterMinutes,
    WarmupShare,
    WeightDecay,
)


@dataclass(frozen=True, config=STRICT)
class PretrainConfig:
    """Options of ``training.experiments.pretrain``; the shape by default is ELECTRA-small's (Clark et al. 2020).

    Raises ValidationError, a ValueError, for values out of range.
    """

    init: str = Field(
        default="scratch",
        description="Initial weights: `scratch`, `minilm`, the folder of a checkpoint, or the hub name of an ELECTRA "
        "checkpoint.",
    )
    layers: int = Field(
        default=12, ge=1, le=48, description="From scratch: layers of the discriminator, and of the generator too."
    )
    hidden: int = Field(default=256, ge=8, le=4096, description="From scratch: width of the discriminator.")
    embedding: int = Field(default=128, ge=8, le=4096, description="From scratch: width of the embeddings.")
    heads: int = Field(
        default=4, ge=1, le=64, description="From scratch: attention heads of a layer. `hidden` must be a multiple."
    )
    intermediate: int = Field(
        default=1024, ge=8, le=16384, description="From scratch: width of the feed-forward layers."
    )
    generator_share: float = Field(
        default=0.25, ge=0.01, le=1, description="Width of the generator, as a share of the discriminator's."
    )
    mask_share: float = Field(
        default=0.15, ge=0.01, le=0.5, description="Share of the tokens that the generator predicts."
    )
    kept_share: float = Field(
        default=0.15,
        ge=0,
        le=0.9,
        description="Share of the tokens to predict that stay as they are. The rest are masked.",
    )
    discriminator_weight: float = Field(
        default=50.0, ge=0, le=1000, description="Weight of the discriminator's loss. The generator's has weight 1."
    )
    attention: Attention = Field(
        default="full", description="`block-causal`: learn to read as `training.finetune` does with the same option."
    )
    block: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Block-causal: the size of blocks is drawn at random, from 1 token to twice this number.",
    )
    sequence_tokens: int = Field(
        default=512,
        ge=8,
        le=512,
        description="Tokens of one sequence. Positions of longer texts stay untrained.",
    )
    batch_size: int = Field(default=64, ge=1, le=65536, description="Sequences of one step.")
    accumulate: Annotated[Accumulate, Field(le=65536)] = 1
    steps: int = Field(default=100_000, ge=1, le=10**8, description="Steps of the run.")
    budget_minutes: BudgetMinutes = 0.0
    stop_after_minutes: StopAfterMinutes = 0.0
    learning_rate: float = Field(default=5e-4, gt=0, le=1, description="Peak learning rate.")
    weight_decay: WeightDecay = 0.01
    warmup_share: WarmupShare = 0.06
    max_grad_norm: MaxGradNorm = 1.0
    compile: bool = Field(
        default=False, description="Compile the model (`torch.compile`): faster steps, after minutes at the start."
    )
    precision: Precision = "auto"
    device: Device = "auto"
    seed: int = Field(default=1, description="Seed of the new weights, the order of the texts, the masks, and dropout.")
    save_minutes: SaveMinutes = 5.0
    shard_mb: int = Field(
        default=0,
        ge=0,
        description="Above 0: maximum size in MiB of each file of weights and state, without its header.",
    )
    half_checkpoint: bool = Field(
        default=False,
        description="Write the checkpoint in float16, half the size. Fine-tuning still computes in float32.",
    )
    limit: int = Field(default=0, ge=0, description="Above 0: number of documents to read. For tests and quick tries.")

    @model_validator(mode="after")
    def _fit_together(self) -> "PretrainConfig":
        if self.hidden % self.heads:
            raise ValueError(f"hidden is {self.hidden}, which {self.heads} heads do not divide")
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size is {self.batch_size}, which accumulate {self.accumulate} does not divide")
        return self

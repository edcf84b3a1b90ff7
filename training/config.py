"""A dataclass of options for each kind of training: TOML file first, command line over it, unknown keys refused.

Defaults, ranges and descriptions are here only: checks, ``--help`` and the table of docs/training.md are made of them.
"""

import argparse
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from pydantic.fields import FieldInfo

from model_core.checkpoint import Attention
from model_core.options import described, range_of
from training.errors import TrainingError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from pydantic_core import ErrorDetails


class ConfigError(TrainingError):
    """An option that does not exist, or has a value that makes no sense."""


STRICT: Final = ConfigDict(extra="forbid", strict=True)
"""No conversion of types, except from whole numbers to floats."""

# Options of more than one kind of training.
HeadShare = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        description="Of a text that is too long, the share of tokens taken from its head. The rest come from its tail.",
    ),
]
MinPrefixChars = Annotated[
    int,
    Field(
        ge=1,
        le=1000,
        description="Characters of the shortest beginning. Lengths are log-uniform, up to the whole review.",
    ),
]
Accumulate = Annotated[
    int,
    Field(
        ge=1,
        description="Parts in which a step is computed. More parts need less memory; the result is nearly the same.",
    ),
]
LayerDecay = Annotated[
    float, Field(ge=0.1, le=1, description="Learning rate of each layer relative to the one above it.")
]
WeightDecay = Annotated[float, Field(ge=0, le=1, description="Weight decay of AdamW, on matrices only.")]
WarmupShare = Annotated[float, Field(ge=0, le=0.9, description="Share of the run in which the learning rate rises.")]
MaxGradNorm = Annotated[float, Field(gt=0, description="Maximum norm of the gradients. Larger ones are scaled down.")]
HiddenDropout = Annotated[float, Field(ge=0, le=0.9, description="Dropout of hidden states.")]
AttentionDropout = Annotated[
    float,
    Field(ge=0, le=0.9, description="Dropout of attention weights. 0 makes attention much faster on a CPU."),
]
Average = Annotated[
    float,
    Field(
        ge=0,
        le=0.99999,
        description="Above 0: decay per step of a moving average of the weights, such as 0.998. "
        "The average is evaluated and written.",
    ),
]
Share = Annotated[float, Field(ge=0, le=1)]
MadeShare = Annotated[float, Field(ge=0, le=10)]
ValidationShare = Annotated[
    float,
    Field(
        ge=0,
        le=0.5,
        description="Share of the training films held out for validation. "
        "The same share holds out the same films in every command.",
    ),
]
Precision = Annotated[Literal["auto", "bf16", "fp32"], Field(description="`auto` is bf16 if the hardware supports it.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], Field(description="`auto` is CUDA if there is a GPU.")]
BudgetMinutes = Annotated[
    float,
    Field(
        ge=0,
        description="Above 0: end after this much training time at the latest. "
        "The learning rate decays towards that end.",
    ),
]
StopAfterMinutes = Annotated[
    float, Field(ge=0, description="Above 0: save and stop after this much time. The same command resumes.")
]
SaveMinutes = Annotated[float, Field(ge=0, description="Minutes between two saves of `state/`.")]
LimitReviews = Annotated[
    int,
    Field(
        ge=0,
        description="Above 0: number of reviews for training, and for validation too. For tests and quick tries.",
    ),
]


@dataclass(frozen=True, config=STRICT)
class FinetuneConfig:
    """Options of ``training.finetune``. Raises ValidationError, a ValueError, for values out of range."""

    name: str = Field(default="starcast-electra", description="Name of the checkpoint, shown to clients.")
    init: str = Field(
        default="minilm",
        description="Initial weights: `minilm`, the folder of a checkpoint, or the hub name of an ELECTRA checkpoint.",
    )
    max_tokens: int = Field(default=512, ge=8, le=512, description="Tokens of one text, `[CLS]` and `[SEP]` included.")
    head_share: HeadShare = 0.25
    attention: Attention = Field(
        default="full", description="`block-causal`: while a text is typed, only its new tokens are computed."
    )
    block: int = Field(
        default=16,
        ge=1,
        le=256,
        description="Block-causal: tokens of a block when served. In training, the size is drawn at random, from 1 to "
        "twice this number.",
    )
    read_tokens: int = Field(
        default=4,
        ge=1,
        le=8,
        description="Block-causal: number of last tokens over which the served rating is averaged.",
    )
    blocks_weight: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Block-causal: share of the loss that comes from the ends of blocks. The rest comes from the end "
        "of the text. 0 trains on whole texts only.",
    )
    lookahead_tokens: float = Field(
        default=0.0,
        ge=0,
        le=1000,
        description="Block-causal: above 1, the target of a beginning is what the model predicts about this many "
        "tokens later (TC-lambda). 0 makes the rating of the whole review the target.",
    )
    text: int = Field(
        default=1,
        ge=1,
        le=2,
        description="Version of the cleaning of texts, a property of the checkpoint. 2: emoji by their English names.",
    )
    ordinal_weight: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Weight of a loss that grows with the distance from the rating in classes (OLL).",
    )
    soft_labels: str = Field(
        default="",
        description="File or folder that `training.distill` or `training.blend` wrote: texts with the predictions of "
        "teachers.",
    )
    soft_share: float = Field(
        default=1.0,
        ge=0,
        le=10,
        description="Texts in each epoch that only teachers have rated, as a share of the rated reviews.",
    )
    soft_weight: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Weight of the teachers' prediction in the target of a rated review, if there is one.",
    )
    epochs: int = Field(default=3, ge=1, le=1000, description="Passes over the training reviews.")
    patience: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="Above 0: end after this many evaluations in a row that are not the best so far, and write the "
        "weights of the best: by accuracy of whole texts, then by loss.",
    )
    budget_minutes: BudgetMinutes = 0.0
    stop_after_minutes: StopAfterMinutes = 0.0
    average: Average = 0.0
    batch_size: int = Field(default=32, ge=1, le=4096, description="Texts of one step.")
    prefix_share: float = Field(
        default=0.5,
        ge=0,
        le=10,
        description="Random beginnings of reviews added to each epoch, as a share of the reviews. They resemble text "
        "that is still being typed.",
    )
    min_prefix_chars: MinPrefixChars = 8
    opening_share: Share = Field(default=0.0, description="Share of texts that get an opening which says nothing.")
    drop_share: Share = Field(default=0.0, description="Share of texts without their first words.")
    stated_share: Share = Field(
        default=0.0, description="Share of the rated reviews and their beginnings that get a phrase with their rating."
    )
    emoji_share: Share = Field(
        default=0.0, description="Share of the rated reviews and their beginnings that get emoji of their mood."
    )
    sentence_share: MadeShare = Field(
        default=0.0, description="Single sentences in each epoch, as a share of the rated reviews."
    )
    sentence_weight: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="Weight of the review's label in the target of its sentence. The rest is the mean of all reviews.",
    )
    bare_rating_share: MadeShare = Field(
        default=0.0, description="Bare ratings such as `my vote: 8/10` in each epoch, as a share of the rated reviews."
    )
    bare_emoji_share: MadeShare = Field(
        default=0.0, description="Bare emoji in each epoch, as a share of the rated reviews."
    )
    neutral_share: MadeShare = Field(
        default=0.0,
        description="Sentences that say nothing of a film's quality in each epoch, as a share of the rated reviews. "
        "Their target is the mean of all reviews.",
    )
    weighted_sampler: bool = Field(
        default=False, description="Draw all ratings equally often. Better on rare ratings, less accurate overall."
    )
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="Peak learning rate of the classification head.")
    train_embeddings: bool = Field(
        default=True, description="Train the word embeddings too. Without them, a step on short texts is faster."
    )
    layer_decay: LayerDecay = 0.9
    weight_decay: WeightDecay = 0.01
    warmup_share: WarmupShare = 0.06
    max_grad_norm: MaxGradNorm = 1.0
    hidden_dropout: HiddenDropout = 0.1
    attention_dropout: AttentionDropout = 0.0
    validation_share: ValidationShare = 0.08
    look_reviews: int = Field(
        default=0, ge=0, le=10**6, description="Above 0: number of held-out reviews of an evaluation during the run."
    )
    precision: Precision = "auto"
    device: Device = "auto"
    seed: int = Field(
        default=1, description="Seed of the new weights, the order of the texts, their changes, and dropout."
    )
    save_minutes: SaveMinutes = 5.0
    limit: LimitReviews = 0

    @model_validator(mode="after")
    def _fit_together(self) -> "FinetuneConfig":
        if 0 < self.lookahead_tokens <= 1:
            raise ValueError(f"lookahead_tokens must be 0, or above 1 and up to 1000, not {self.lookahead_tokens}")
        if self.opening_share + self.drop_share + self.stated_share + self.emoji_share > 1:
            raise ValueError("opening_share, drop_share, stated_share and emoji_share must not add up to more than 1")
        if self.attention == "full" and self.lookahead_tokens:
            raise ValueError("lookahead_tokens needs block-causal attention, which rates all beginnings in one pass")
        return self


@dataclass(frozen=True, config=STRICT)
class TeacherConfig:
    """Options of ``training.teacher train``. Raises ValidationError, a ValueError, for values out of range."""

    init: str = Field(
        default="",
        description="Folder or hub name of the encoder, or of a sequence classifier with eight labels. Must be given.",
    )
    max_tokens: int = Field(default=256, ge=8, le=8192, description="Tokens of one text, special tokens included.")
    head_share: HeadShare = 0.25
    frozen_layers: int = Field(
        default=0,
        ge=0,
        description="Number of lowest layers that are not trained, which saves their backward pass. "
        "The embeddings are never trained.",
    )
    steps: int = Field(
        default=2500,
        ge=1,
        le=10**8,
        description="Steps of the run. A larger number continues a run, even one that has ended.",
    )
    warmup_steps: int = Field(default=60, ge=0, description="First steps, during which the learning rate rises.")
    decay_steps: int = Field(
        default=400,
        ge=0,
        description="Last steps, during which the learning rate falls to zero. Between warm-up and decay it is "
        "constant.",
    )
    average: Average = 0.99
    batch_size: int = Field(default=32, ge=1, le=4096, description="Texts of one step.")
    accumulate: Annotated[Accumulate, Field(le=4096)] = 1
    prefix_share: float = Field(
        default=0.5, ge=0, le=10, description="Random beginnings of reviews in each epoch, as a share of the reviews."
    )
    min_prefix_chars: MinPrefixChars = 8
    sentence_share: float = Field(
        default=0.25, ge=0, le=10, description="Single sentences of reviews in each epoch, as a share of the reviews."
    )
    learning_rate: float = Field(default=3e-5, gt=0, le=1, description="Peak learning rate of the uppermost layer.")
    head_learning_rate: float = Field(
        default=5e-4, gt=0, le=1, description="Peak learning rate of the classification head."
    )
    layer_decay: LayerDecay = 0.9
    weight_decay: WeightDecay = 0.01
    max_grad_norm: MaxGradNorm = 1.0
    hidden_dropout: HiddenDropout = 0.1
    attention_dropout: AttentionDropout = 0.0
    validation_share: ValidationShare = 0.08
    look_steps: int = Field(
        default=200,
        ge=1,
        le=10**8,
        description="Steps between two evaluations on `look_reviews` held-out reviews.",
    )
    look_reviews: int = Field(
        default=400, ge=1, le=10**6, description="Held-out reviews of an evaluation during the run."
    )
    precision: Precision = "auto"
    device: Device = "auto"
    seed: int = Field(
        default=1,
        description="Seed of the new weights, the order of the texts, their beginnings and sentences, and dropout.",
    )
    budget_minutes: float = Field(
        default=0.0,
        ge=0,
        description="Above 0: end after this much training time. The learning rate does not depend on it.",
    )
    stop_after_minutes: StopAfterMinutes = 0.0
    save_minutes: SaveMinutes = 5.0
    limit: LimitReviews = 0

    @model_validator(mode="after")
    def _has_a_start(self) -> "TeacherConfig":
        if not self.init:
            raise ValueError("init must name the folder or the hub name of an encoder")
        return self


AnyConfig = TypeVar("AnyConfig", bound="DataclassInstance")


def make_config(config_class: type[AnyConfig], values: Mapping[str, Any]) -> AnyConfig:
    """Build a config, checked. Raises ConfigError, which says the values that an option may have."""
    fields = described(config_class)
    if unknown := sorted(values.keys() - fields.keys()):
        raise ConfigError(f"unknown option {', '.join(unknown)}; known are {', '.join(fields)}")
    try:
        return config_class(**values)
    except ValidationError as error:
        wrong = error.errors(include_url=False)
        raise ConfigError("; ".join(_in_words(each, fields) for each in wrong)) from None


def as_flag(value: object) -> str:
    """A value as the command line takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def add_config_arguments(parser: argparse.ArgumentParser, config_class: type[AnyConfig]) -> None:
    """Add ``--config FILE`` and one flag for each option of the dataclass."""
    parser.add_argument("--config", type=Path, help="TOML file with options; flags override it")
    for name, field in described(config_class).items():
        facts = [range_of(field), f"default: {as_flag(field.default) or 'none'}"]
        words = f"{field.description} ({'; '.join(filter(None, facts))})"
        # The parser would take a percent sign for a place to fill in.
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, metavar="VALUE", help=words.replace("%", "%%"))


def config_from_arguments(
    options: argparse.Namespace, config_class: type[AnyConfig], recipe: Mapping[str, Any] | None = None
) -> AnyConfig:
    """Build the config from what ``add_config_arguments`` parsed, over a recipe. Raises ConfigError."""
    values: dict[str, Any] = dict(recipe or {})
    if options.config is not None:
        try:
            values |= tomllib.loads(options.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{options.config}: {error}") from error
    for name, field in described(config_class).items():
        if (text := getattr(options, name)) is not None:
            values[name] = _parse(text, type(field.default))
    return make_config(config_class, values)


def _parse(text: str, kind: type) -> Any:
    """The value that a flag stands for; the text itself, which is then refused, where it is none of its kind."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return kind(text)
    except ValueError:
        return text


def _in_words(error: "ErrorDetails", fields: Mapping[str, FieldInfo]) -> str:
    if error["type"] == "value_error":
        # Raised by a config's own validator.
        return str(error["ctx"]["error"])
    name = str(error["loc"][0])
    kinds: dict[object, str] = {int: "a whole number", float: "a number", str: "a string"}
    kind = kinds.get(fields[name].annotation)
    expected = ", ".join(filter(None, (kind, range_of(fields[name]))))
    return f"{name} must be {expected}, not {error['input']!r}"

"""A dataclass of options for each kind of training: TOML file first, command line over it, unknown keys refused."""

import argparse
import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_type_hints

from model_core.checkpoint import Attention

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class ConfigError(ValueError):
    """An option that does not exist, or has a value that makes no sense."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Options of ``training.finetune``. Every run writes them beside its weights."""

    name: str = "starcast-electra"
    """Name of the checkpoint, shown to clients."""
    init: str = "minilm"
    """``minilm`` (the warm start), a checkpoint folder, or the hub name of an ELECTRA checkpoint."""
    max_tokens: int = 512
    """Tokens of one text, [CLS] and [SEP] included."""
    head_share: float = 0.25
    """Of a text that is too long, the share of the tokens taken from its head; the rest are from its tail."""
    attention: Attention = "full"
    """``block-causal``: a key pays only for the new words (see ``model_core.attention``)."""
    block: int = 16
    """Tokens of a block when served; in training blocks are of 1 to twice as many, drawn at random."""
    read_tokens: int = 4
    """Block-causal: when served, the rating is the mean of what is read at so many last tokens."""
    blocks_weight: float = 0.5
    """Block-causal: share of the loss that is asked at the ends of blocks, the rest at the end of the text."""
    lookahead_tokens: float = 0.0
    """Block-causal: above 1, a beginning learns what the model says about so many tokens later (TC-lambda)."""
    ordinal_weight: float = 0.0
    """Weight of a loss that grows with the distance from the rating in classes (OLL)."""
    soft_labels: str = ""
    """File or folder of ``training.distill`` or ``training.blend``: texts with what teachers make of them."""
    soft_share: float = 1.0
    """Texts that only teachers have rated in each epoch, as a share of the rated reviews."""
    soft_weight: float = 0.5
    """Of a rated review that teachers have rated too, the share of its target that is theirs."""
    epochs: int = 3
    budget_minutes: float = 0.0
    """If above 0, end after this much training time; the learning rate then decays over the time."""
    stop_after_minutes: float = 0.0
    """If above 0, save and stop after this much time, to go on when the same command is given again."""
    average: float = 0.0
    """If above 0, what a moving average of the weights keeps at each step; the average is judged and written."""
    batch_size: int = 32
    prefix_share: float = 0.5
    """Random beginnings of reviews added to each epoch, as a share of the reviews: the page sees unfinished text."""
    min_prefix_chars: int = 8
    """Shortest prefix; lengths are log-uniform from here to the whole text."""
    weighted_sampler: bool = False
    """Draw classes evenly. Helps the rare ratings, costs accuracy."""
    learning_rate: float = 1e-4
    layer_decay: float = 0.9
    """Each layer below the head learns this much slower than the one above it."""
    weight_decay: float = 0.01
    warmup_share: float = 0.06
    max_grad_norm: float = 1.0
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.0
    """0 keeps the fused attention, which more than halves the time of a step on a CPU."""
    validation_share: float = 0.08
    """Share of the training films held out to judge by."""
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """``auto``: bf16 where the hardware computes in it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 1
    save_minutes: float = 5.0
    limit: int = 0
    """If above 0, train on so many reviews only, and judge by as many: for tests and first looks."""

    def __post_init__(self) -> None:
        check_kinds(self)
        check_ranges(
            self,
            ("max_tokens", 8, 512),
            ("head_share", 0, 1),
            ("epochs", 1, 1000),
            ("block", 1, 256),
            ("read_tokens", 1, 8),
            ("blocks_weight", 0, 1),
            ("ordinal_weight", 0, 10),
            ("soft_share", 0, 10),
            ("soft_weight", 0, 1),
            ("average", 0, 0.99999),
            ("batch_size", 1, 4096),
            ("prefix_share", 0, 10),
            ("min_prefix_chars", 1, 1000),
            ("layer_decay", 0.1, 1),
            ("weight_decay", 0, 1),
            ("warmup_share", 0, 0.9),
            ("hidden_dropout", 0, 0.9),
            ("attention_dropout", 0, 0.9),
            ("validation_share", 0, 0.5),
        )
        if self.lookahead_tokens and not 1 < self.lookahead_tokens <= 1000:
            raise ConfigError(f"lookahead_tokens must be 0 or lie in (1, 1000], not {self.lookahead_tokens}")
        if self.attention == "full" and self.lookahead_tokens:
            raise ConfigError("lookahead_tokens needs block-causal attention, which rates all beginnings in one pass")
        check_rates(self)
        check_not_negative(self, "budget_minutes", "stop_after_minutes", "save_minutes", "limit")


@dataclass(frozen=True)
class TeacherConfig:
    """Options of ``training.teacher train``."""

    init: str = ""
    """Folder or hub name of the encoder, or of a sequence classifier with eight labels."""
    max_tokens: int = 256
    """Tokens of one text, those at its ends included."""
    head_share: float = 0.25
    """Of a text that is too long, the share of the tokens taken from its head; the rest are from its tail."""
    frozen_layers: int = 0
    """So many of the lowest layers stay as they are, which saves their way back. The embeddings always do."""
    steps: int = 2500
    """Steps of the run. More than before goes on with a run, even one that has ended."""
    warmup_steps: int = 60
    decay_steps: int = 400
    """The learning rate is constant after the warmup, and falls to zero over so many last steps."""
    average: float = 0.99
    """What the moving average of the weights keeps at each step; the average is what is judged and written."""
    batch_size: int = 32
    accumulate: int = 1
    """Compute a step in so many parts, which takes less memory; what comes out is nearly the same."""
    prefix_share: float = 0.5
    """Random beginnings of reviews in each epoch, as a share of the reviews."""
    min_prefix_chars: int = 8
    """Shortest beginning; lengths are log-uniform from here to the whole text."""
    sentence_share: float = 0.25
    """Single sentences of reviews in each epoch, as a share of the reviews."""
    learning_rate: float = 3e-5
    """Peak for the uppermost layer."""
    head_learning_rate: float = 5e-4
    layer_decay: float = 0.9
    """Each layer learns this much slower than the one above it."""
    weight_decay: float = 0.01
    max_grad_norm: float = 1.0
    hidden_dropout: float = 0.1
    attention_dropout: float = 0.0
    """0 keeps the fused attention."""
    validation_share: float = 0.08
    """Share of the training films held out to judge by, the same films as for ``training.finetune``."""
    look_steps: int = 200
    """Judge the average of the weights after so many steps, on ``look_reviews`` of the held-out reviews."""
    look_reviews: int = 400
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """``auto``: bf16 where the hardware computes in it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 1
    budget_minutes: float = 0.0
    """If above 0, end after this much training time; the learning rate does not follow it."""
    stop_after_minutes: float = 0.0
    """If above 0, save and stop after this much time, to go on when the same command is given again."""
    save_minutes: float = 5.0
    limit: int = 0
    """If above 0, train on so many reviews only, and judge by as many: for tests and first looks."""

    def __post_init__(self) -> None:
        check_kinds(self)
        if not self.init:
            raise ConfigError("init must name the folder or the hub name of an encoder")
        check_ranges(
            self,
            ("max_tokens", 8, 8192),
            ("head_share", 0, 1),
            ("steps", 1, 10**8),
            ("average", 0, 0.99999),
            ("batch_size", 1, 4096),
            ("accumulate", 1, 4096),
            ("prefix_share", 0, 10),
            ("min_prefix_chars", 1, 1000),
            ("sentence_share", 0, 10),
            ("layer_decay", 0.1, 1),
            ("weight_decay", 0, 1),
            ("hidden_dropout", 0, 0.9),
            ("attention_dropout", 0, 0.9),
            ("validation_share", 0, 0.5),
            ("look_steps", 1, 10**8),
            ("look_reviews", 1, 10**6),
        )
        check_rates(self)
        check_not_negative(
            self,
            *("frozen_layers", "warmup_steps", "decay_steps", "budget_minutes", "stop_after_minutes", "save_minutes"),
            "limit",
        )


AnyConfig = TypeVar("AnyConfig", bound="DataclassInstance")


def check_kinds(config: Any) -> None:
    """Refuse a value of another type than its option's; whole numbers will do for floats. Raises ConfigError."""
    for field, value in vars(config).items():
        expected = get_type_hints(type(config))[field]
        if expected is float and type(value) is int:
            object.__setattr__(config, field, float(value))
        elif expected in (int, float, str, bool) and type(value) is not expected:
            raise ConfigError(f"{field} must be {expected.__name__}, not {value!r}")
        elif hasattr(expected, "__args__") and value not in expected.__args__:
            raise ConfigError(f"{field} must be one of {', '.join(expected.__args__)}, not {value!r}")


def check_ranges(config: Any, *ranges: tuple[str, float, float]) -> None:
    """Refuse options outside of (name, least, most). Raises ConfigError."""
    for field, low, high in ranges:
        if not low <= getattr(config, field) <= high:
            raise ConfigError(f"{field} must lie in [{low}, {high}], not {getattr(config, field)}")


def check_rates(config: Any) -> None:
    """Refuse a learning rate or a norm that makes no sense. Raises ConfigError."""
    if not 0 < config.learning_rate <= 1:
        raise ConfigError(f"learning_rate must lie in (0, 1], not {config.learning_rate}")
    if not config.max_grad_norm > 0:
        raise ConfigError(f"max_grad_norm must be above 0, not {config.max_grad_norm}")


def check_not_negative(config: Any, *fields: str) -> None:
    """Refuse values below 0. Raises ConfigError."""
    for field in fields:
        if not getattr(config, field) >= 0:
            raise ConfigError(f"{field} must be 0 or more, not {getattr(config, field)}")


def add_config_arguments(parser: argparse.ArgumentParser, config_class: type[AnyConfig]) -> None:
    """Add ``--config FILE`` and one flag for each option of the dataclass."""
    parser.add_argument("--config", type=Path, help="TOML file with options; flags override it")
    for field in dataclasses.fields(config_class):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", dest=field.name, metavar="VALUE", help=f"default: {field.default}"
        )


def config_from_arguments(options: argparse.Namespace, config_class: type[AnyConfig]) -> AnyConfig:
    """Build the config from what ``add_config_arguments`` parsed. Raises ConfigError."""
    values: dict[str, Any] = {}
    if options.config is not None:
        try:
            values = tomllib.loads(options.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{options.config}: {error}") from error
    fields = {field.name: field for field in dataclasses.fields(config_class)}
    if unknown := sorted(values.keys() - fields.keys()):
        raise ConfigError(f"unknown option {', '.join(unknown)}; known are {', '.join(fields)}")
    for name, field in fields.items():
        if (text := getattr(options, name)) is not None:
            values[name] = _parse(name, text, type(field.default))
    return config_class(**values)


def _parse(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ConfigError(f"{name} must be true or false, not {text!r}")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error

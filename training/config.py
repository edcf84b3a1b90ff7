"""One dataclass of training options: TOML file first, command line over it, unknown keys refused."""

import argparse
import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_type_hints


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
    epochs: int = 3
    budget_minutes: float = 0.0
    """If above 0, end after this much training time; the learning rate then decays over the time."""
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
    """If above 0, train on so many reviews only: for tests and first looks."""

    def __post_init__(self) -> None:
        for field, value in vars(self).items():
            expected = get_type_hints(type(self))[field]
            if expected is float and type(value) is int:
                object.__setattr__(self, field, float(value))
            elif expected in (int, float, str, bool) and type(value) is not expected:
                raise ConfigError(f"{field} must be {expected.__name__}, not {value!r}")
            elif hasattr(expected, "__args__") and value not in expected.__args__:
                raise ConfigError(f"{field} must be one of {', '.join(expected.__args__)}, not {value!r}")
        for field, low, high in (
            ("max_tokens", 8, 512),
            ("head_share", 0, 1),
            ("epochs", 1, 1000),
            ("batch_size", 1, 4096),
            ("prefix_share", 0, 10),
            ("min_prefix_chars", 1, 1000),
            ("layer_decay", 0.1, 1),
            ("weight_decay", 0, 1),
            ("warmup_share", 0, 0.9),
            ("hidden_dropout", 0, 0.9),
            ("attention_dropout", 0, 0.9),
            ("validation_share", 0, 0.5),
        ):
            if not low <= getattr(self, field) <= high:
                raise ConfigError(f"{field} must lie in [{low}, {high}], not {getattr(self, field)}")
        if not 0 < self.learning_rate <= 1:
            raise ConfigError(f"learning_rate must lie in (0, 1], not {self.learning_rate}")
        if not self.max_grad_norm > 0:
            raise ConfigError(f"max_grad_norm must be above 0, not {self.max_grad_norm}")
        for field in ("budget_minutes", "save_minutes", "limit"):
            if not getattr(self, field) >= 0:
                raise ConfigError(f"{field} must be 0 or more, not {getattr(self, field)}")


def add_config_arguments(parser: argparse.ArgumentParser, config_class: type[FinetuneConfig]) -> None:
    """Add ``--config FILE`` and one flag for each option of the dataclass."""
    parser.add_argument("--config", type=Path, help="TOML file with options; flags override it")
    for field in dataclasses.fields(config_class):
        parser.add_argument(
            f"--{field.name.replace('_', '-')}", dest=field.name, metavar="VALUE", help=f"default: {field.default}"
        )


def config_from_arguments(options: argparse.Namespace, config_class: type[FinetuneConfig]) -> FinetuneConfig:
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

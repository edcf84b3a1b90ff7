import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from model_core.options import described
from training.config import (
    ConfigError,
    FinetuneConfig,
    TeacherConfig,
    add_config_arguments,
    config_from_arguments,
    make_config,
)
from training.experiments.pretrain_config import PretrainConfig

RECIPES = Path(__file__).resolve().parents[2] / "training" / "configs"


def parse(*arguments: str) -> FinetuneConfig:
    parser = argparse.ArgumentParser()
    add_config_arguments(parser, FinetuneConfig)
    return config_from_arguments(parser.parse_args(arguments), FinetuneConfig)


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_without_anything_the_defaults_hold() -> None:
    assert parse() == FinetuneConfig()


def test_a_file_sets_options(tmp_path: Path) -> None:
    config = parse(
        "--config", write(tmp_path, 'name = "étoile"\nepochs = 5\nlearning_rate = 2e-4\nweighted_sampler = true')
    )
    assert config == FinetuneConfig(name="étoile", epochs=5, learning_rate=2e-4, weighted_sampler=True)


def test_flags_override_the_file(tmp_path: Path) -> None:
    config = parse("--config", write(tmp_path, "epochs = 5\nseed = 3"), "--epochs", "2")
    assert config == FinetuneConfig(epochs=2, seed=3)


def test_each_kind_of_option_has_a_flag() -> None:
    config = parse(
        *("--max-tokens", "128"), *("--head-share", "0.5"), *("--weighted-sampler", "True"), *("--precision", "fp32")
    )
    assert config == FinetuneConfig(max_tokens=128, head_share=0.5, weighted_sampler=True, precision="fp32")
    assert not parse("--weighted-sampler", "false").weighted_sampler


def test_unknown_keys_are_refused_and_the_known_ones_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown option epoch, lr; known are name, init"):
        parse("--config", write(tmp_path, "epoch = 5\nlr = 1"))


def test_unknown_flags_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("--lr", "1")
    assert "--lr" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("epochs", "three"),
        ("epochs", True),
        ("name", 7),
        ("max_tokens", 4),
        ("max_tokens", 513),
        ("head_share", -0.1),
        ("head_share", float("nan")),
        ("batch_size", 0),
        ("prefix_share", -1),
        ("min_prefix_chars", 0),
        ("weighted_sampler", "yes"),
        ("learning_rate", 0),
        ("learning_rate", float("nan")),
        ("learning_rate", float("inf")),
        ("layer_decay", 0),
        ("weight_decay", -0.1),
        ("warmup_share", 1),
        ("max_grad_norm", 0),
        ("hidden_dropout", 1),
        ("attention_dropout", -0.1),
        ("validation_share", 0.6),
        ("precision", "fp16"),
        ("device", "tpu"),
        ("budget_minutes", -1),
        ("save_minutes", float("nan")),
        ("limit", -1),
    ],
)
def test_a_value_without_sense_is_refused_by_the_options_name(option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{option} must be .*, not {value!r}$"):
        make_config(FinetuneConfig, {option: value})


def test_all_that_is_wrong_is_said_at_once_with_the_values_allowed() -> None:
    with pytest.raises(ConfigError) as raised:
        make_config(FinetuneConfig, {"epochs": 0, "learning_rate": 2.0, "name": 7})
    assert str(raised.value).split("; ") == [
        "name must be a string, not 7",
        "epochs must be a whole number, 1 to 1000, not 0",
        "learning_rate must be a number, above 0 and up to 1, not 2.0",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "block-causal", "lookahead_tokens": 0.5}, "above 1"),
        ({"lookahead_tokens": 32}, "needs block-causal attention"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config(FinetuneConfig, options)


def test_a_whole_number_will_do_for_a_float() -> None:
    config = FinetuneConfig(save_minutes=0, layer_decay=1)
    assert config == FinetuneConfig(save_minutes=0.0, layer_decay=1.0)
    assert isinstance(config.layer_decay, float)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs", "many"], "epochs"),
        (["--weighted-sampler", "maybe"], "true or false"),
        (["--head-share", "1.5"], "head_share"),
        (["--device", "tpu"], "auto, cpu or cuda"),
    ],
)
def test_a_flag_without_sense_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(*arguments)


def test_a_file_that_is_missing_or_no_toml_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        parse("--config", str(tmp_path / "none.toml"))
    with pytest.raises(ConfigError, match=r"recipe\.toml"):
        parse("--config", write(tmp_path, "epochs: 3"))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9toile"')
    with pytest.raises(ConfigError, match=r"latin\.toml"):
        parse("--config", str(tmp_path / "latin.toml"))


def test_the_config_cannot_be_changed_once_made() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FinetuneConfig().epochs = 5  # type: ignore[misc]


@pytest.mark.parametrize("recipe", ["starcast.toml", "block-causal.toml", "student.toml"])
def test_the_shipped_recipes_are_valid(recipe: str) -> None:
    assert parse("--config", str(RECIPES / recipe)).name.startswith("starcast")


@pytest.mark.parametrize("config_class", [FinetuneConfig, TeacherConfig, PretrainConfig])
def test_every_option_has_a_description_and_a_default_that_is_allowed(config_class: type) -> None:
    fields = described(config_class)
    assert all(field.description for field in fields.values())
    defaults = {name: field.default for name, field in fields.items()}
    assert vars(make_config(config_class, {**defaults, "init": "folder"})) == {**defaults, "init": "folder"}


def test_help_says_what_an_option_means_its_values_and_its_default() -> None:
    parser = argparse.ArgumentParser()
    add_config_arguments(parser, FinetuneConfig)
    text = " ".join(parser.format_help().split())
    assert f"--epochs VALUE {described(FinetuneConfig)['epochs'].description} (1 to 1000; default: 3)" in text
    assert "(true or false; default: false)" in text

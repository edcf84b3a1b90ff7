import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model_core.checkpoint import TOKENIZER_FILE, WEIGHTS_FILE
from tests.factories import separable_reviews, tiny_model, torch_logits, write_tuned
from tests.tiny import tiny_tokenizer
from training.config import ConfigError
from training.experiments import pretrain as module
from training.experiments.pack import PackedTexts, mask_tokens, pack, special_ids, write_packed
from training.experiments.pretrain import (
    Pretraining,
    ReplacedTokenDetection,
    block_causal,
    gumbel_sample,
    initial_model,
    main,
    parameter_groups,
)
from training.experiments.pretrain_config import PretrainConfig
from training.finetune import schedule
from training.models.initial import WARM_START, load_initial
from training.trainer import loop
from training.trainer.loop import TrainingRun

RECIPES = sorted((Path(__file__).resolve().parents[3] / "training" / "experiments" / "configs").glob("pretrain-*.toml"))
IDS = (2, 10, 11, 12, 13, 3)


@pytest.fixture(scope="module")
def packed() -> PackedTexts:
    """Three hundred texts of 7 to 15 tokens."""
    return pack([review.text for review in separable_reviews(300, seed=1)], tiny_tokenizer())


@pytest.fixture(scope="module")
def packed_file(packed: PackedTexts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("packed") / "packed.safetensors"
    write_packed(path, packed)
    return path


def config(**options: Any) -> PretrainConfig:
    return PretrainConfig(**{**TINY, **options})


TINY: Mapping[str, Any] = {
    "layers": 2,
    "hidden": 32,
    "embedding": 16,
    "heads": 4,
    "intermediate": 64,
    "generator_share": 0.5,
    "sequence_tokens": 24,
    "batch_size": 8,
    "steps": 6,
    "learning_rate": 1e-3,
    "precision": "fp32",
    "device": "cpu",
}


def pretrain(options: PretrainConfig, packed: PackedTexts, run: Path) -> Path:
    run.mkdir(exist_ok=True)
    checkpoint = module.pretrain(options, packed, run)
    assert checkpoint is not None
    return checkpoint


def log_of(run: Path) -> list[dict[str, float]]:
    """The log, without what depends on the machine."""
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in entries]


def assert_same_weights(one: Path, other: Path) -> None:
    expected, got = (load_file(folder / WEIGHTS_FILE) for folder in (one, other))
    assert expected.keys() == got.keys()
    for name, tensor in expected.items():
        assert torch.equal(got[name], tensor), name


# The model


def test_generator_and_discriminator_share_their_embeddings(packed: PackedTexts) -> None:
    model = initial_model(config(), packed)
    ours, theirs = model.discriminator.electra.embeddings, model.generator.electra.embeddings
    for name in ("word_embeddings", "position_embeddings", "token_type_embeddings"):
        assert getattr(ours, name).weight is getattr(theirs, name).weight
    assert model.generator.generator_lm_head.weight is ours.word_embeddings.weight


def test_the_generator_is_narrower_by_its_share_and_as_deep(packed: PackedTexts) -> None:
    small = {"layers": 3, "hidden": 256, "embedding": 128, "heads": 4, "intermediate": 1024, "generator_share": 0.25}
    shape = initial_model(config(**small), packed).generator.config
    assert (shape.hidden_size, shape.num_attention_heads, shape.intermediate_size) == (64, 1, 256)
    assert (shape.num_hidden_layers, shape.embedding_size) == (3, 128)


def test_nothing_drops_out(packed: PackedTexts, initial: Path) -> None:
    for init in ("scratch", str(initial)):
        model = initial_model(config(init=init), packed)
        assert {layer.p for layer in model.modules() if isinstance(layer, torch.nn.Dropout)} == {0.0}


def test_the_encoder_of_a_checkpoint_is_gone_on_with(packed: PackedTexts, initial: Path) -> None:
    model = initial_model(config(init=str(initial)), packed)
    saved = tiny_model().electra.state_dict()
    for name, tensor in model.discriminator.electra.state_dict().items():
        assert torch.equal(tensor, saved[name])


def test_minilm_is_gone_on_with() -> None:
    _, tokenizer = load_initial(WARM_START, hidden_dropout=0.0, attention_dropout=0.0)
    model = initial_model(config(init=WARM_START, generator_share=0.25), pack(["A film."], tokenizer))
    assert model.discriminator.config.embedding_size == model.discriminator.config.hidden_size == 384
    assert (model.generator.config.hidden_size, model.generator.config.num_attention_heads) == (96, 3)


def test_losses_and_figures_are_those_of_the_paper(packed: PackedTexts) -> None:
    model = initial_model(config(discriminator_weight=7), packed)
    batch, special = first_batch(packed)
    loss, figures = model(batch, None)
    generator_loss, discriminator_loss, found, replaced = figures.tolist()
    # A fresh model knows nothing: every piece is as likely as any other, and every token as likely to be replaced.
    assert generator_loss == pytest.approx(math.log(len(special)), rel=0.05)
    assert discriminator_loss == pytest.approx(math.log(2), rel=0.1)
    assert loss.item() == pytest.approx(generator_loss + 7 * discriminator_loss, rel=1e-5)
    assert 0 <= found <= replaced <= batch.chosen.numel()
    assert replaced > 0.9 * batch.chosen.numel()


def first_batch(packed: PackedTexts) -> Any:
    special = torch.zeros(packed.tokenizer.get_vocab_size(), dtype=torch.bool)
    special[list(special_ids(packed.tokenizer).values())] = True
    ids = torch.from_numpy(packed.tokens[: 8 * 24].astype("int64")).reshape(8, 24)
    torch.manual_seed(5)
    return mask_tokens(ids, special, special_ids(packed.tokenizer)["[MASK]"], config()), special


def test_the_discriminator_does_not_teach_the_generator(packed: PackedTexts) -> None:
    batch, _ = first_batch(packed)
    gradients = []
    for weight in (1.0, 1000.0):
        torch.manual_seed(1)
        model = initial_model(config(discriminator_weight=weight), packed)
        model(batch, None)[0].backward()
        gradients.append(model.generator.generator_predictions.dense.weight.grad)
    torch.testing.assert_close(*gradients)


def test_samples_follow_the_softmax() -> None:
    torch.manual_seed(1)
    wanted = torch.tensor([0.5, 0.3, 0.15, 0.05])
    drawn = gumbel_sample(wanted.log().expand(20_000, 4))
    torch.testing.assert_close(drawn.bincount() / 20_000, wanted, atol=0.02, rtol=0)


def test_block_causal_sequences_hide_later_blocks_from_both_models(packed: PackedTexts) -> None:
    model: ReplacedTokenDetection = initial_model(config(), packed).eval()
    torch.manual_seed(2)
    ids = torch.randint(5, 40, (3, 24))
    allowed = block_causal(ids, block=4)
    assert allowed.shape == (3, 1, 24, 24)
    assert allowed.tril().sum() == 3 * 24 * 25 / 2  # A token sees itself and all before it.
    ends = allowed[:, 0].sum(-1)  # Where the block of each token ends.
    assert ((ends - torch.arange(24)) <= 8).all()
    changed = ids.clone()
    changed[:, 20] = 41
    with torch.inference_mode():
        for part in (model.generator, model.discriminator):
            before, after = (part.electra(tokens, attention_mask=allowed)[0] for tokens in (ids, changed))
            differs = ~torch.isclose(before, after, atol=1e-6).all(-1)
            assert torch.equal(differs, ends > 20)


def test_norms_and_biases_do_not_decay_and_every_parameter_is_in_one_group(packed: PackedTexts) -> None:
    model = initial_model(config(), packed)
    matrices, others = parameter_groups(model, 0.02)
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.02, 0.0)
    grouped: list[torch.nn.Parameter] = [*matrices["params"], *others["params"]]  # type: ignore[misc]
    assert sorted(map(id, grouped)) == sorted(map(id, model.parameters()))
    assert model.discriminator.electra.embeddings.LayerNorm.weight in set(others["params"])  # type: ignore[call-overload]


# A run


def run_main(packed_file: Path, run: Path, *arguments: str, **options: Any) -> int:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in {**TINY, **options}.items()]
    return main(["--data", str(packed_file), "--run", str(run), *flags, *arguments])


@pytest.mark.parametrize("attention", ["full", "block-causal"])
def test_both_losses_fall(packed_file: Path, tmp_path: Path, attention: str) -> None:
    options = {"steps": 100, "learning_rate": 5e-3, "attention": attention, "block": 4}
    assert run_main(packed_file, tmp_path, **options) == 0
    entries = log_of(tmp_path)
    assert [entry["step"] for entry in entries] == [1, 50, 100]
    first, last = entries[0], entries[-1]
    assert last["generator_loss"] < 0.7 * first["generator_loss"]
    assert last["discriminator_loss"] < 0.8 * first["discriminator_loss"]
    assert 0 <= last["replaced_found"] <= 1


def test_a_run_writes_what_it_was_and_what_to_do_next(
    packed_file: Path, packed: PackedTexts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(packed_file, tmp_path, "--limit", "200", "--seed", "9") == 0
    described = json.loads((tmp_path / "run.json").read_text())
    assert described["config"].keys() == vars(PretrainConfig()).keys()
    assert described["config"]["seed"] == 9
    assert described["train"] == packed.first(200).described()
    assert described["command"].startswith("python -m training.experiments.pretrain")
    assert f"training.finetune --init {tmp_path / 'checkpoint'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "shards", [{}, {"shard_mb": 1, "embedding": 128, "intermediate": 6144, "half_checkpoint": True}]
)
def test_fine_tuning_starts_from_the_result(packed: PackedTexts, tmp_path: Path, shards: dict[str, Any]) -> None:
    trainee = Pretraining(config(steps=1, **shards), packed)
    assert TrainingRun(tmp_path, trainee, config(), piece_bytes=shards.get("shard_mb", 0) * 2**20).go_on()
    checkpoint = trainee.save(tmp_path / "checkpoint")
    weights = sorted(checkpoint.glob("*.safetensors"))
    assert len(weights) > 1 if shards else [path.name for path in weights] == [WEIGHTS_FILE]
    assert all(path.stat().st_size < 1.1 * 2**20 for path in [*weights, *(tmp_path / "state").iterdir()])
    model, tokenizer = load_initial(str(checkpoint), hidden_dropout=0.1, attention_dropout=0.0)
    for name, tensor in trainee.model.discriminator.electra.state_dict().items():
        torch.testing.assert_close(model.electra.state_dict()[name], tensor, atol=1e-3 if shards else 0, rtol=0)
    assert torch_logits(model.eval(), IDS).shape == (8,)
    assert model.config.max_position_embeddings == 512
    assert tokenizer.get_vocab() == tiny_tokenizer().get_vocab()


def test_nothing_of_a_fine_tuned_start_is_left_but_its_encoder(packed: PackedTexts, tmp_path: Path) -> None:
    start = write_tuned(tmp_path / "tuned")
    checkpoint = pretrain(config(init=str(start), steps=1), packed, tmp_path / "run")
    written = json.loads((checkpoint / "config.json").read_text())
    assert written["architectures"] == ["ElectraForPreTraining"]
    assert "starcast" not in written
    assert not [name for name in load_file(checkpoint / WEIGHTS_FILE) if name.startswith("classifier.")]


def test_the_parts_of_a_step_add_up_to_the_whole(packed: PackedTexts, tmp_path: Path) -> None:
    # Rounding moves weights whose gradient is nearly zero: Adam makes whole steps of small ones.
    losses = []
    for parts in (1, 4):
        folder = tmp_path / str(parts)
        pretrain(config(accumulate=parts, steps=1, attention="block-causal"), packed, folder)
        losses.append(log_of(folder)[0])
    assert losses[0]["generator_loss"] == pytest.approx(losses[1]["generator_loss"], abs=0.05)
    assert losses[0]["discriminator_loss"] == pytest.approx(losses[1]["discriminator_loss"], abs=0.01)


# Stopping and resuming


class KilledError(Exception):
    """Stands for whatever ends a run early."""


@pytest.mark.parametrize("steps", [1, 4, 6])
def test_a_run_that_was_killed_and_resumed_equals_one_that_was_not(
    packed: PackedTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    options = {"attention": "block-causal", "save_minutes": 0}
    whole = pretrain(config(**options), packed, tmp_path / "whole")
    save = TrainingRun._save

    def save_and_die(self: TrainingRun) -> None:
        save(self)
        if self.progress.step == steps:
            raise KilledError

    killed = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "_save", save_and_die)
        with pytest.raises(KilledError):
            pretrain(config(**options), packed, killed)
    assert not (killed / "checkpoint").exists()
    assert_same_weights(whole, pretrain(config(**options), packed, killed))
    assert log_of(killed) == log_of(tmp_path / "whole")


def ticking_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look at the clock takes a second, so that a test is the same on any machine."""
    seconds = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(seconds)))


def test_a_run_in_several_commands_equals_one_in_one(
    packed_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(packed_file, tmp_path / "whole") == 0
    ticking_clock(monkeypatch)
    said = []
    for _ in range(3):
        assert run_main(packed_file, tmp_path / "parts", stop_after_minutes=0.05) == 0
        said.append(capsys.readouterr().out.splitlines()[-1])
    assert said[:2] == [f"stopped at step {step}: give the same command again to go on" for step in (2, 4)]
    assert_same_weights(tmp_path / "whole" / "checkpoint", tmp_path / "parts" / "checkpoint")


def test_a_time_budget_ends_the_run_and_brings_the_learning_rate_to_zero(
    packed_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []

    def watched(share: float, warmup_share: float) -> float:
        shares.append(share)
        return schedule(share, warmup_share)

    ticking_clock(monkeypatch)
    monkeypatch.setattr(module, "schedule", watched)
    for _ in range(2):
        options = {"steps": 1000, "budget_minutes": 0.5, "stop_after_minutes": 0.3, "save_minutes": 100}
        assert run_main(packed_file, tmp_path, **options) == 0
    assert shares == [step / 30 for step in range(30)]
    assert (tmp_path / "checkpoint").is_dir()


def test_a_run_of_other_options_is_not_mixed_with_this_one(
    packed_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(packed_file, tmp_path, steps=1) == 0
    assert run_main(packed_file, tmp_path, steps=1, stop_after_minutes=5, shard_mb=2) == 0
    assert run_main(packed_file, tmp_path, steps=2) == 1
    assert "another steps" in capsys.readouterr().err


# Options


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_the_recipes_are_valid_and_flags_override_them(
    packed_file: Path, tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--data", str(packed_file), "--run", str(tmp_path), "--config", str(recipe)]
    assert main([*arguments, "--batch-size", "1024"]) == 1
    assert "too few for a batch of 1024 x 512 tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/nowhere/packed"], "is not a file of training.experiments.pack"),
        (["--init", "/nowhere/electra"], "no ELECTRA checkpoint"),
        (["--init", WARM_START], "packed with another vocabulary"),
        (["--batch-size", "400"], "too few for a batch"),
        (["--steps", "none"], "steps"),
        (["--mask-share", "0.9"], "mask_share must be a number, 0.01 to 0.5, not 0.9"),
        (["--heads", "5"], "hidden is 32, which 5 heads do not divide"),
        (["--accumulate", "3"], "batch_size is 8"),
        (["--compile", "perhaps"], "compile must be true or false"),
        (["--shard-mb", "1", "--embedding", "4096"], "shard_mb is 1, but the word embeddings alone take 2 MiB"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    packed_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run_main(packed_file, tmp_path, *arguments) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line


def test_longer_sequences_than_the_start_has_positions_are_refused(packed: PackedTexts, initial: Path) -> None:
    with pytest.raises(ConfigError, match=r"sequence_tokens is 65, but .* has 64 positions"):
        initial_model(config(init=str(initial), sequence_tokens=65), packed)


def test_help_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "usage: python -m training.experiments.pretrain" in capsys.readouterr().out


def test_the_tokenizer_goes_with_the_weights(packed: PackedTexts, tmp_path: Path) -> None:
    checkpoint = pretrain(config(steps=1), packed, tmp_path)
    assert json.loads((checkpoint / TOKENIZER_FILE).read_text())["model"]["vocab"] == tiny_tokenizer().get_vocab()

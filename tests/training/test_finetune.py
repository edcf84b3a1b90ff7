import json
import math
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from model_core.checkpoint import TOKENIZER_FILE, WEIGHTS_FILE, read_config
from model_core.labels import LabelSet
from model_core.loading import load_classifier
from tests.factories import make_review, separable_reviews, write_tuned
from training import distill
from training import finetune as module
from training.config import ConfigError, FinetuneConfig
from training.data import Review, fingerprint, load_split
from training.finetune import main, schedule
from training.models.initial import load_initial
from training.trainer import loop
from training.trainer.batches import TrainingTexts
from training.trainer.loop import TrainingRun

TRAIN = separable_reviews(96, seed=1)
VALIDATION = separable_reviews(32, seed=2)


def config(initial: Path, **options: Any) -> FinetuneConfig:
    defaults: dict[str, Any] = {
        "init": str(initial),
        "max_tokens": 32,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "precision": "fp32",
        "device": "cpu",
    }
    return FinetuneConfig(**{**defaults, **options})


def finetune(options: FinetuneConfig, train: list[Review], validation: list[Review], run: Path) -> Path:
    checkpoint = module.finetune(options, TrainingTexts.of(train), validation, run)
    assert checkpoint is not None
    return checkpoint


def log_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def weights_of(checkpoint: Path) -> Mapping[str, torch.Tensor]:
    weights: Mapping[str, torch.Tensor] = load_file(checkpoint / WEIGHTS_FILE)
    return weights


def assert_same_weights(one: Path, other: Path) -> None:
    expected, got = weights_of(one), weights_of(other)
    assert expected.keys() == got.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, atol=1e-6, rtol=0)


# Training


@pytest.fixture(scope="module")
def trained(initial: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a training on reviews that one word tells apart."""
    run = tmp_path_factory.mktemp("runs") / "separable"
    finetune(config(initial, epochs=9, seed=4), TRAIN, VALIDATION, run)
    return run


def test_the_loss_falls_on_reviews_that_one_word_tells_apart(trained: Path) -> None:
    losses = [entry["loss"] for entry in log_of(trained) if "loss" in entry]
    assert len(losses) == 5  # The first step, the last one, and a line for every 50: 18 batches an epoch.
    assert losses[0] > 2 > losses[1] > losses[2]
    assert losses[-1] < 0.3 * math.log(8)  # Prefixes without the word that tells keep it from zero.


def test_the_validation_accuracy_of_each_epoch_is_logged_and_rises(trained: Path) -> None:
    figures = {entry["epoch"]: entry["validation"] for entry in log_of(trained) if "validation" in entry}
    assert list(figures) == list(range(1, 10))
    assert figures[9]["accuracy"] >= 0.9
    assert figures[9]["nll"] < figures[1]["nll"]
    assert figures[9]["accuracy"] > figures[9]["prefix_accuracy"] > 0.3


def test_the_checkpoint_is_whole_and_rates_by_what_was_learned(trained: Path) -> None:
    checkpoint = trained / "checkpoint"
    assert {path.name for path in checkpoint.iterdir()} >= {"config.json", WEIGHTS_FILE, TOKENIZER_FILE}
    assert {tensor.dtype for tensor in weights_of(checkpoint).values()} == {torch.float32}
    great, awful = load_classifier(checkpoint, "torch", threads=1).classify(["the film was great", "an awful movie"])
    assert (great.stars, awful.stars) == (10, 1)


def test_the_checkpoint_tells_how_texts_are_cut_and_the_prior_of_its_data(initial: Path, tmp_path: Path) -> None:
    reviews = [make_review(number, stars) for number, stars in enumerate((1, 1, 1, 4, 7, 10, 10, 10, 10, 2))]
    options = config(initial, name="tuned", epochs=1, head_share=0.4)
    written, architecture = read_config(finetune(options, reviews, [], tmp_path))
    assert (written.name, written.max_tokens, written.head_share) == ("tuned", 32, 0.4)
    assert (written.attention, written.tail_step, written.temperature) == ("full", 1, ((1, 1.0),))
    assert written.prior == (0.3, 0.1, 0.0, 0.1, 0.1, 0.0, 0.0, 0.4)
    assert architecture["architectures"] == ["ElectraForSequenceClassification"]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(initial: Path, tmp_path: Path) -> None:
    first, again, other = (
        finetune(config(initial, epochs=1, seed=seed), TRAIN[:24], [], tmp_path / name)
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert_same_weights(first, again)
    with pytest.raises(AssertionError):
        assert_same_weights(first, other)


def test_a_time_budget_ends_the_run_and_brings_the_learning_rate_to_zero(
    initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(10**6))
    shares: list[float] = []

    def watched(share: float, warmup_share: float) -> float:
        shares.append(share)
        return schedule(share, warmup_share)

    # Every look at the clock takes a second, so that the test is the same on any machine.
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    monkeypatch.setattr(module, "schedule", watched)
    finetune(config(initial, epochs=1000, budget_minutes=1, save_minutes=1000), TRAIN, VALIDATION[:4], tmp_path)
    assert len(shares) <= 60
    assert shares == sorted(shares)
    assert 0.9 < shares[-1] < 1
    seen = [entry for entry in log_of(tmp_path) if "validation" in entry]
    whole_epochs, within = len(shares) // 18, len(shares) % 18
    assert [entry.get("epoch") for entry in seen] == [*range(1, whole_epochs + 1), *[None] * bool(within)]


@pytest.fixture(scope="module")
def block_causal(initial: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a block-causal training on the same reviews."""
    run = tmp_path_factory.mktemp("runs") / "block-causal"
    options = config(initial, epochs=9, seed=4, attention="block-causal", block=4, lookahead_tokens=4)
    finetune(options, TRAIN, VALIDATION, run)
    return run


def test_a_block_causal_model_learns_too(block_causal: Path) -> None:
    figures = [entry["validation"] for entry in log_of(block_causal) if "validation" in entry]
    assert figures[-1]["accuracy"] >= 0.9
    great, awful = load_classifier(block_causal / "checkpoint", "torch", 1).classify(
        ["a great film", "the plot was awful"]
    )
    assert (great.stars, awful.stars) == (10, 1)


def test_a_block_causal_checkpoint_names_its_attention(block_causal: Path) -> None:
    written, _ = read_config(block_causal / "checkpoint")
    assert (written.attention, written.block, written.tail_step) == ("block-causal", 4, 16)


def test_soft_labels_teach_what_no_rating_says(initial: Path, tmp_path: Path) -> None:
    """The rated reviews say nothing of the word that the soft labels tell apart."""
    rated = TrainingTexts.of([make_review(number, (1, 10)[number % 2], "the film") for number in range(48)])
    soft = TrainingTexts.of(TRAIN)
    data = TrainingTexts([*rated.texts, *soft.texts], torch.cat([rated.targets, soft.targets]), rated.labels)
    checkpoint = module.finetune(config(initial, epochs=9, soft_share=2, prefix_share=0), data, [], tmp_path)
    assert checkpoint is not None
    great, awful = load_classifier(checkpoint, "torch", threads=1).classify(["the film was great", "an awful movie"])
    assert great.expected_stars > 8
    assert awful.expected_stars < 3


def test_a_run_with_changed_and_made_up_texts_stops_and_resumes_to_the_same_weights(
    initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = {"opening_share": 0.2, "drop_share": 0.2, "stated_share": 0.2, "emoji_share": 0.2, "sentence_share": 0.5}
    made = {"bare_rating_share": 0.5, "bare_emoji_share": 0.5, "neutral_share": 0.5}
    options = config(initial, epochs=2, text=2, average=0.9, train_embeddings=False, save_minutes=0, **shares, **made)
    whole = finetune(options, TRAIN[:24], [], tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_after(5, patch)
        with pytest.raises(KilledError):
            finetune(options, TRAIN[:24], [], tmp_path / "stopped")
    assert_same_weights(whole, finetune(options, TRAIN[:24], [], tmp_path / "stopped"))
    assert read_config(whole)[0].text == 2
    embeddings = "electra.embeddings.word_embeddings.weight"
    assert torch.equal(weights_of(whole)[embeddings], load_initial(str(initial), 0, 0)[0].state_dict()[embeddings])


def test_more_tokens_than_the_model_has_positions_are_refused(initial: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_tokens is 512, but .* has 64 positions"):
        finetune(config(initial, max_tokens=512), TRAIN[:8], [], tmp_path)


# Resuming


class KilledError(Exception):
    """Stands for whatever ends a run early."""


def kill_after(saves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the run end right after its state was saved for the so-manieth time."""
    save = TrainingRun._save
    done = 0

    def save_and_die(self: TrainingRun) -> None:
        nonlocal done
        save(self)
        done += 1
        if done == saves:
            raise KilledError

    monkeypatch.setattr(TrainingRun, "_save", save_and_die)


@pytest.fixture(scope="module")
def uninterrupted(initial: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of a run of 2 epochs of 9 batches; dropout is on."""
    return finetune(config(initial, epochs=2), TRAIN[:48], [], tmp_path_factory.mktemp("runs"))


@pytest.mark.parametrize("steps", [4, 9, 13, 18], ids=["in epoch 1", "at its end", "in epoch 2", "at the very end"])
def test_a_run_that_was_killed_and_resumed_equals_one_that_was_not(
    initial: Path, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    every_step = config(initial, epochs=2, save_minutes=0)
    with monkeypatch.context() as patch:
        kill_after(steps, patch)
        with pytest.raises(KilledError):
            finetune(every_step, TRAIN[:48], [], tmp_path)
    assert not (tmp_path / "checkpoint").exists()
    steps_after = count_steps(monkeypatch)
    assert_same_weights(uninterrupted, finetune(every_step, TRAIN[:48], [], tmp_path))
    assert len(steps_after) == 18 - steps


def count_steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by one with every step from now on."""
    backward = module.Finetuning.backward
    steps: list[int] = []

    def counted(self: module.Finetuning, batch: Any) -> Any:
        steps.append(len(batch))
        return backward(self, batch)

    monkeypatch.setattr(module.Finetuning, "backward", counted)
    return steps


def test_a_run_that_has_ended_is_not_trained_again(
    initial: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (uninterrupted / WEIGHTS_FILE).stat().st_mtime_ns
    steps = count_steps(monkeypatch)
    assert finetune(config(initial, epochs=2), TRAIN[:48], [], uninterrupted.parent) == uninterrupted
    assert steps == []
    assert (uninterrupted / WEIGHTS_FILE).stat().st_mtime_ns == before


def test_a_run_in_several_commands_equals_one_in_one(
    initial: Path, uninterrupted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    options = config(initial, epochs=2, stop_after_minutes=0.2, save_minutes=1000)
    results = [module.finetune(options, TrainingTexts.of(TRAIN[:48]), [], tmp_path) for _ in range(2)]
    assert results[0] is None
    assert results[1] is not None
    assert_same_weights(uninterrupted, results[1])


def test_a_resumed_run_logs_nothing_twice(initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = config(initial, epochs=4, save_minutes=0)
    save = TrainingRun._save
    with monkeypatch.context() as patch:
        # The state is that of step 30 when the run is killed at step 60, with a line and some epochs logged since.
        def save_until_30(self: TrainingRun) -> None:
            if self.progress.step == 60:
                raise KilledError
            if self.progress.step <= 30:
                save(self)

        patch.setattr(TrainingRun, "_save", save_until_30)
        with pytest.raises(KilledError):
            finetune(options, TRAIN, VALIDATION[:4], tmp_path)
    assert 50 in [entry["step"] for entry in log_of(tmp_path)]
    finetune(options, TRAIN, VALIDATION[:4], tmp_path)
    assert [entry["step"] for entry in log_of(tmp_path) if "loss" in entry] == [1, 50, 72]
    assert [entry["epoch"] for entry in log_of(tmp_path) if "epoch" in entry] == [1, 2, 3, 4]


def test_the_average_of_the_weights_is_written(initial: Path, tmp_path: Path) -> None:
    """After one step from the same start it lies between the start and what the step made, by its own weight."""
    start, stepped = tmp_path / "start", tmp_path / "stepped"
    plain = finetune(config(initial, epochs=1), TRAIN[:8], [], stepped)
    averaged = finetune(config(initial, epochs=1, average=0.9), TRAIN[:8], [], tmp_path / "averaged")
    began = module.Finetuning(config(initial), TrainingTexts.of(TRAIN[:8]), []).save(start)
    steps = module.Finetuning(config(initial, epochs=1), TrainingTexts.of(TRAIN[:8]), []).steps
    assert steps == 2
    moved = {name: weights_of(plain)[name] - tensor for name, tensor in weights_of(began).items()}
    kept = {name: weights_of(averaged)[name] - tensor for name, tensor in weights_of(began).items()}
    name = "electra.encoder.layer.0.output.dense.weight"
    assert 0 < kept[name].norm() <= moved[name].norm()
    assert torch.cosine_similarity(kept[name].flatten(), moved[name].flatten(), dim=0) > 0.8


# Early stopping


def test_a_run_with_patience_ends_early_with_the_best_weights(
    initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accuracies = iter((0.5, 0.7, 0.7, 0.6, 0.9))
    judged: list[dict[str, torch.Tensor]] = []

    def figures(model: torch.nn.Module, *_: object) -> dict[str, float]:
        judged.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"accuracy": next(accuracies), "nll": 1.0}

    monkeypatch.setattr(module, "validation_figures", figures)
    options = config(initial, epochs=5, patience=2, average=0.5)
    written = weights_of(finetune(options, TRAIN[:16], VALIDATION[:2], tmp_path))
    assert len(judged) == 4
    name = "electra.encoder.layer.0.output.dense.weight"
    torch.testing.assert_close(written[name], judged[1][name])
    assert not torch.equal(written[name], judged[3][name])
    assert finetune(options, TRAIN[:16], VALIDATION[:2], tmp_path) == tmp_path / "checkpoint"
    assert len(judged) == 4


def test_a_run_with_patience_resumes_to_the_same_weights(
    initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = config(initial, epochs=4, patience=1, save_minutes=0)
    whole = finetune(options, TRAIN[:16], VALIDATION[:4], tmp_path / "whole")
    with monkeypatch.context() as patch:
        kill_after(4, patch)
        with pytest.raises(KilledError):
            finetune(options, TRAIN[:16], VALIDATION[:4], tmp_path / "stopped")
    assert_same_weights(whole, finetune(options, TRAIN[:16], VALIDATION[:4], tmp_path / "stopped"))


def test_options_that_the_labels_cannot_have_are_refused(initial: Path) -> None:
    kinds = LabelSet(("a", "b"))
    data = TrainingTexts.of([Review("train", number, number % 2, "text", str(number), kinds) for number in range(4)])
    for options, message in (({"stated_share": 0.1}, "stated_share"), ({"ordinal_weight": 1.0}, "in an order")):
        with pytest.raises(ConfigError, match=message):
            module.Finetuning(config(initial, **options), data, [])


# The command line


def run_main(archive: Path, initial: Path, run: Path, *arguments: str) -> int:
    options = ["--data", str(archive), "--run", str(run), "--init", str(initial), "--max-tokens", "32"]
    return main([*options, "--device", "cpu", "--precision", "fp32", "--epochs", "1", *arguments])


def test_a_run_writes_what_it_was_beside_its_weights(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(archive, initial, tmp_path, "--validation-share", "0.3", "--seed", "9", "--name", "mine") == 0
    described = json.loads((tmp_path / "run.json").read_text())
    train, validation = (load_split(archive, split, 0.3) for split in ("train", "validation"))
    assert described["config"]["seed"] == 9
    assert described["config"]["init"] == str(initial)
    assert described["config"].keys() == vars(FinetuneConfig()).keys()
    assert described["train"] == {"reviews": len(train), "sha256": fingerprint(train), "soft_sha256": None}
    assert described["validation"] == {"reviews": len(validation), "sha256": fingerprint(validation)}
    assert described["command"].startswith("python -m training.finetune")
    assert described["versions"].keys() == {"python", "torch", "transformers"}
    assert "commit" in described
    assert read_config(tmp_path / "checkpoint")[0].name == "mine"
    assert f"python -m training.export {tmp_path / 'checkpoint'}" in capsys.readouterr().out


def test_a_limit_takes_reviews_of_both_sentiments_to_train_and_to_judge(
    archive: Path, initial: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Review]] = []

    def look(_: object, data: TrainingTexts, validation: list[Review], run: Path) -> Path:
        texts = set(data.texts)
        seen.extend(([review for review in train if review.text in texts], validation))
        return run

    train = load_split(archive, "train", 0.3)

    monkeypatch.setattr(module, "finetune", look)
    assert run_main(archive, initial, tmp_path, "--validation-share", "0.3", "--limit", "16") == 0
    assert [len(reviews) for reviews in seen] == [16, 16]
    assert all(any(review.stars < 5 for review in reviews) for reviews in seen)
    assert all(any(review.stars > 5 for review in reviews) for reviews in seen)


def test_soft_labels_are_part_of_what_a_run_is(archive: Path, initial: Path, tmp_path: Path) -> None:
    soft, run = tmp_path / "soft", tmp_path / "run"
    teacher = write_tuned(tmp_path / "teacher")
    rate = ["--data", str(archive), "--teacher", str(teacher), "--output", str(soft)]
    assert distill.main([*rate, "--kinds", "rated", "unrated"]) == 0
    assert run_main(archive, initial, run, "--soft-labels", str(soft)) == 0
    assert json.loads((run / "run.json").read_text())["train"]["soft_sha256"]
    assert distill.main([*rate, "--kinds", "rated-beginnings"]) == 0
    assert run_main(archive, initial, run, "--soft-labels", str(soft)) == 1
    assert run_main(archive, initial, tmp_path / "none", "--soft-labels", str(tmp_path / "nowhere")) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/nowhere/aclImdb.tar.gz"], "cannot read /nowhere"),
        (["--init", "/nowhere/electra"], "no ELECTRA checkpoint"),
        (["--epochs", "none"], "epochs"),
    ],
    ids=["data", "init", "config"],
)
def test_an_error_is_one_line_and_a_status(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run_main(archive, initial, tmp_path, *arguments) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line


def test_help_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "usage: python -m training.finetune" in capsys.readouterr().out


def test_a_run_of_other_options_or_other_data_is_not_mixed_with_this_one(initial: Path, tmp_path: Path) -> None:
    def begin(reviews: list[Review], **options: Any) -> None:
        data = TrainingTexts.of(reviews)
        module._begin_run(tmp_path, module._describe_run(config(initial, **options), reviews, [], data))

    begin(TRAIN[:10], seed=1)
    begin(TRAIN[:10], seed=2)
    (tmp_path / "state").mkdir()
    begin(TRAIN[:10], seed=2, save_minutes=1)
    with pytest.raises(ConfigError, match="another seed"):
        begin(TRAIN[:10], seed=3)
    with pytest.raises(ConfigError, match="another data"):
        begin(TRAIN[:11], seed=2)

import argparse
import itertools
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from model_core.checkpoint import WEIGHTS_FILE
from tests.factories import separable_reviews, tiny_model, write_hugging_face
from tests.training.teachers import mpnet_tokenizer, tiny_mpnet, write_mpnet
from training.config import ConfigError, TeacherConfig, add_config_arguments, config_from_arguments
from training.models.encoder import TextEncoder, load_encoder, rate_texts
from training.models.initial import InitError
from training.teacher import Teacher, load_teacher, main, parameter_groups
from training.texts.spans import Span
from training.trainer.loop import TrainingRun

TRAIN = separable_reviews(64, seed=1)
VALIDATION = separable_reviews(12, seed=2)


@pytest.fixture(scope="module")
def mpnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mpnet(tmp_path_factory.mktemp("mpnet"), initializer_range=0.1)


def config(init: Path, **options: Any) -> TeacherConfig:
    defaults: dict[str, Any] = {
        "init": str(init),
        "max_tokens": 24,
        "steps": 12,
        "warmup_steps": 2,
        "decay_steps": 4,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "head_learning_rate": 5e-3,
        "precision": "fp32",
        "device": "cpu",
        "look_steps": 5,
    }
    return TeacherConfig(**{**defaults, **options})


def train(options: TeacherConfig, run: Path, stop_at: int | None = None) -> tuple[bool, Path]:
    """Train, and have the process asked to end in the step ``stop_at``."""
    teacher = Teacher(options, TRAIN, VALIDATION)
    going = TrainingRun(run, teacher, options, average=options.average)
    backward = teacher.backward

    def asked(batch: Any) -> Any:
        if going.progress.step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        return backward(batch)

    teacher.backward = asked  # type: ignore[method-assign]
    ended = going.go_on()
    with going.averaged():
        return ended, teacher.save(run / "checkpoint")


def log_of(run: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in entries]


def assert_same_weights(one: Path, other: Path) -> None:
    expected, got = (load_file(folder / WEIGHTS_FILE) for folder in (one, other))
    assert all(torch.equal(got[name], tensor) for name, tensor in expected.items())


def test_the_loss_falls_on_reviews_that_one_word_tells_apart(mpnet: Path, tmp_path: Path) -> None:
    options = config(mpnet, steps=150, decay_steps=50, look_steps=1000, prefix_share=0, sentence_share=0, average=0.9)
    assert train(options, tmp_path)[0]
    entries = log_of(tmp_path)
    losses = [entry["loss"] for entry in entries if "loss" in entry]
    assert losses[0] > 1.5
    assert losses[-1] < 0.4
    assert entries[-1]["validation"]["accuracy"] >= 0.9


@pytest.mark.parametrize("stops", [(1,), (4, 9)], ids=str)
def test_a_run_that_was_asked_to_end_and_resumed_equals_one_that_was_not(
    mpnet: Path, tmp_path: Path, stops: tuple[int, ...]
) -> None:
    options = config(mpnet, frozen_layers=1)
    ended, whole = train(options, tmp_path / "whole")
    assert ended
    for stop in stops:
        assert not train(options, tmp_path / "parts", stop)[0]
    ended, parts = train(options, tmp_path / "parts")
    assert ended
    assert_same_weights(whole, parts)
    assert log_of(tmp_path / "parts") == log_of(tmp_path / "whole")


def test_a_sample_is_judged_on_the_way_and_all_held_out_reviews_at_the_end(mpnet: Path, tmp_path: Path) -> None:
    train(config(mpnet, look_reviews=3), tmp_path)
    assert [
        (entry["step"], *entry.keys() & {"sample", "validation"}) for entry in log_of(tmp_path) if "loss" not in entry
    ] == [
        (5, "sample"),
        (10, "sample"),
        (12, "validation"),
    ]


def test_a_run_that_ended_goes_on_with_more_steps(mpnet: Path, tmp_path: Path) -> None:
    long = {"steps": 12, "decay_steps": 0, "look_steps": 1000}
    _, whole = train(config(mpnet, **long), tmp_path / "whole")
    train(config(mpnet, **{**long, "steps": 7}), tmp_path / "parts")
    _, parts = train(config(mpnet, **long), tmp_path / "parts")
    assert_same_weights(whole, parts)


def test_the_parts_of_a_step_add_up_to_the_whole(mpnet: Path) -> None:
    gradients = []
    for accumulate in (1, 3):
        teacher = Teacher(config(mpnet, accumulate=accumulate, hidden_dropout=0.0), TRAIN, [])
        figures = teacher.backward(next(iter(teacher.batches(0))))
        gradients.append((figures["loss"], teacher.model.classifier.out_proj.weight.grad))
    assert gradients[0][0][0] == pytest.approx(gradients[1][0][0], rel=1e-4)
    torch.testing.assert_close(gradients[0][1], gradients[1][1], atol=1e-5, rtol=1e-3)


def test_frozen_layers_and_embeddings_stay(mpnet: Path, tmp_path: Path) -> None:
    _, checkpoint = train(config(mpnet, frozen_layers=2), tmp_path)
    before, after = (load_file(folder / WEIGHTS_FILE) for folder in (mpnet, checkpoint))
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert {".".join(name.split(".")[:4]) for name in moved if name.startswith("mpnet")} == {"mpnet.encoder.layer.2"}
    assert any(name.startswith("classifier.") for name in moved)


def test_learning_rates_fall_from_the_head_downwards(mpnet: Path) -> None:
    model = tiny_mpnet()
    groups = parameter_groups(model, config(mpnet, frozen_layers=1, layer_decay=0.5))
    rates = {id(parameter): group["peak_lr"] for group in groups for parameter in group["params"]}  # type: ignore[attr-defined]
    by_name = {name: rates.get(id(parameter)) for name, parameter in model.named_parameters()}
    assert by_name["classifier.dense.weight"] == 5e-3
    assert by_name["mpnet.encoder.layer.2.output.dense.weight"] == 3e-3
    assert by_name["mpnet.encoder.layer.1.output.dense.weight"] == 1.5e-3
    assert by_name["mpnet.encoder.layer.0.output.dense.weight"] is None
    assert by_name["mpnet.embeddings.word_embeddings.weight"] is None
    with pytest.raises(ConfigError, match="frozen_layers is 4, but the encoder has 3 layers"):
        parameter_groups(model, config(mpnet, frozen_layers=4))


def test_the_rate_rises_stays_and_falls(mpnet: Path) -> None:
    teacher = Teacher(config(mpnet, steps=20, warmup_steps=4, decay_steps=5), TRAIN[:8], [])
    rates = [teacher.rate(step, 0.0) for step in range(20)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert set(rates[5:16]) == {1.0}
    assert rates[16:] == pytest.approx([0.8, 0.6, 0.4, 0.2])


def test_an_epoch_has_whole_reviews_beginnings_and_sentences(mpnet: Path) -> None:
    reviews = [replace(review, text=f"{review.text} and so on. It was a film of note.") for review in TRAIN]
    teacher = Teacher(config(mpnet, prefix_share=0.5, sentence_share=0.25), reviews, [])
    spans = [span for batch in teacher.epoch(0) for span in batch]
    assert len(spans) == 64 + 32 + 16
    whole = {Span(index, 0, len(review.text)) for index, review in enumerate(reviews)}
    assert whole <= set(spans)
    assert sum(span.offset > 0 for span in spans) > 0
    assert teacher.epoch(0) == teacher.epoch(0) != teacher.epoch(1)


def test_a_batch_has_texts_of_a_similar_number_of_tokens(mpnet: Path) -> None:
    # One long word is one token: the number of characters says little.
    reviews = [
        replace(review, text="film " * (1 + 5 * index % 19) + index * 7 % 11 * "wonderful" + " .")
        for index, review in enumerate(TRAIN)
    ]
    teacher = Teacher(config(mpnet, prefix_share=0, sentence_share=0), reviews, [])
    lengths = [[len(teacher.encoder.encode(reviews[span.review].text)) for span in batch] for batch in teacher.epoch(0)]
    ranges = sorted((min(batch), max(batch)) for batch in lengths)
    assert all(longest <= shortest for (_, longest), (shortest, _) in itertools.pairwise(ranges))


def test_batches_go_on_from_any_step(mpnet: Path) -> None:
    teacher = Teacher(config(mpnet), TRAIN[:20], [])

    def first(count: int, batches: Iterator[list[Span]]) -> list[list[Span]]:
        return [next(batches) for _ in range(count)]

    whole = first(15, teacher.batches(0))
    for step in (1, len(teacher.epoch(0)), 11):
        assert first(15 - step, teacher.batches(step)) == whole[step:]


# Encoders


def test_a_long_text_keeps_its_head_and_its_tail() -> None:
    encoder = TextEncoder(mpnet_tokenizer(), max_tokens=10, head_share=0.25, pad_id=1)
    ids = encoder.encode("the film was good bad great awful a of and movie plot")
    words = mpnet_tokenizer().encode("the film great awful a of and movie plot", add_special_tokens=False).ids
    assert (ids[0], ids[-1]) == (0, 2)
    assert len(ids) == 10
    assert ids[1:-1] == [*words[:2], *words[3:]]
    assert encoder.encode("the film") == [0, *words[:2], 2]
    assert encoder.encode("") == [0, 2]


def test_texts_are_rated_alone_as_in_company(mpnet: Path) -> None:
    model, tokenizer = load_encoder(str(mpnet))
    encoder = TextEncoder(tokenizer, 24, 0.25, pad_id=1)
    texts = [review.text for review in TRAIN[:5]]
    together = rate_texts(model, encoder, texts)
    alone = np.concatenate([rate_texts(model, encoder, [text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-6)


def test_any_classifier_of_hugging_face_will_do(tmp_path: Path) -> None:
    folder = write_hugging_face(tmp_path, tiny_model())
    mpnet_tokenizer().save(str(folder / "tokenizer.json"))
    teacher = Teacher(config(folder, frozen_layers=1), TRAIN[:8], [])
    teacher.backward(next(iter(teacher.batches(0))))
    trained = {name for name, parameter in teacher.model.named_parameters() if parameter.grad is not None}
    assert {name.split(".layer.")[1][0] for name in trained if ".layer." in name} == {"1"}


def test_what_holds_no_encoder_is_refused(tmp_path: Path, mpnet: Path) -> None:
    with pytest.raises(InitError, match="cannot load a classifier"):
        load_encoder(str(tmp_path / "nowhere"))
    deeper = write_mpnet(tmp_path / "deeper")
    settings = json.loads((deeper / "config.json").read_text())
    (deeper / "config.json").write_text(json.dumps({**settings, "num_hidden_layers": 4}))
    with pytest.raises(InitError, match="is incomplete"):
        load_encoder(str(deeper))
    with pytest.raises(InitError, match=r"not a checkpoint of training\.teacher"):
        load_teacher(mpnet)


# The command line


def test_the_recipe_is_valid() -> None:
    recipe = Path(__file__).resolve().parents[2] / "training" / "configs" / "teacher.toml"
    parser = argparse.ArgumentParser()
    add_config_arguments(parser, TeacherConfig)
    config = config_from_arguments(parser.parse_args(["--config", str(recipe)]), TeacherConfig)
    assert config.decay_steps < config.steps


def run_main(archive: Path, init: Path, run: Path, *arguments: str) -> int:
    options = ["--data", str(archive), "--run", str(run), "--init", str(init), "--max-tokens", "24", "--steps", "2"]
    return main(["train", *options, "--device", "cpu", "--precision", "fp32", "--validation-share", "0.3", *arguments])


def test_a_run_that_has_ended_says_so_and_can_be_loaded(
    archive: Path, mpnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_main(archive, mpnet, tmp_path) == 0
    assert str(tmp_path / "checkpoint") in capsys.readouterr().out.splitlines()
    log = (tmp_path / "log.jsonl").read_text()
    assert run_main(archive, mpnet, tmp_path) == 0
    assert "has ended" in capsys.readouterr().out
    assert (tmp_path / "log.jsonl").read_text() == log
    _, encoder = load_teacher(tmp_path / "checkpoint")
    assert encoder.max_tokens == 24
    assert json.loads((tmp_path / "run.json").read_text())["command"].startswith("python -m training.teacher")


def test_a_snapshot_has_the_average_of_the_weights_so_far(
    archive: Path, mpnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--decay-steps", "0", "--average", "0.5"]
    stopped = [*arguments, "--steps", "9", "--stop-after-minutes", "1e-9"]
    assert run_main(archive, mpnet, tmp_path / "long", *stopped) == 0
    assert "stopped at step 1:" in capsys.readouterr().out
    assert main(["snapshot", "--run", str(tmp_path / "long"), "--output", str(tmp_path / "taken")]) == 0
    assert "step 1 of 9" in capsys.readouterr().out
    assert run_main(archive, mpnet, tmp_path / "short", *arguments, "--steps", "1") == 0
    assert_same_weights(tmp_path / "short" / "checkpoint", tmp_path / "taken")
    assert main(["snapshot", "--run", str(tmp_path)]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/nowhere/aclImdb.tar.gz"], "cannot read /nowhere"),
        (["--init", "/nowhere/mpnet"], "cannot load a classifier"),
        (["--init", ""], "init must name"),
        (["--average", "1"], "average must be a number, 0 to 0.99999"),
    ],
)
def test_an_error_is_one_line_and_a_status(
    archive: Path, mpnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run_main(archive, mpnet, tmp_path, *arguments) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line

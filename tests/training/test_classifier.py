"""From a table to a checkpoint, with few labels and many, on made-up texts and the tiny model."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_core.checkpoint import WEIGHTS_FILE, Page, read_config
from model_core.errors import CheckpointError
from model_core.golden import check_golden, read_golden
from model_core.labels import LabelSet
from model_core.loading import load_classifier
from tests.training.datasets.test_folders import imported, write_csv
from training import classifier
from training.classifier import NOT_BETTER, STOPPED, main, recipe, warning_of
from training.data import Review, fingerprint, load_split
from training.trainer.loop import TrainingRun

KINDS = ("ab", "cd", "ef", "gh", "ij", "kl")
FILLERS = ("the", "film", "was", "a", "movie", "of", "plot", "and")


def texts_of(labels: tuple[str, ...], count: int) -> list[dict[str, Any]]:
    """Texts whose label is one of their words."""
    rng = random.Random(5)
    rows = []
    for number in range(count):
        label = labels[number % len(labels)]
        words = [label, *rng.choices(FILLERS, k=rng.randint(4, 8)), str(number)]
        rng.shuffle(words)
        rows.append({"text": " ".join(words), "label": label})
    return rows


def trained(folder: Path, data: Path, initial: Path, *arguments: str) -> int:
    """Train on one core, as short as can be."""
    options = ["--data", str(data), "--name", "mine", "--run", str(folder / "run"), "--init", str(initial)]
    options += ["--output", str(folder / "checkpoints" / "mine"), "--threads", "1", "--max-tokens", "32"]
    options += ["--block", "4", "--epochs", "1", "--device", "cpu", "--precision", "fp32"]
    return main([*options, *arguments])


@pytest.mark.parametrize(
    ("names", "scale", "labels"),
    [
        (("bad", "good", "great"), ["--order", "bad,good,great"], LabelSet(("bad", "good", "great"), "ordinal")),
        (KINDS, [], LabelSet(KINDS)),
        (tuple(f"x{n:02}" for n in range(50)), [], LabelSet(tuple(f"x{n:02}" for n in range(50)))),
    ],
    ids=["3 ordinal", "6 nominal", "50 nominal"],
)
def test_a_table_becomes_a_checkpoint_with_its_labels(
    initial: Path, tmp_path: Path, names: tuple[str, ...], scale: list[str], labels: LabelSet
) -> None:
    data = imported(write_csv(tmp_path / "rows.csv", texts_of(names, 200)), *scale)
    page = ["--title", "Which one?", "--placeholder", "Ask", "--example", "the film", "--language", "de"]
    status = trained(tmp_path, data, initial, *page)
    folder = tmp_path / "checkpoints" / "mine"
    config, architecture = read_config(folder)
    assert (config.labels, config.name, config.attention) == (labels, "mine", "block-causal")
    assert (config.page, config.language) == (Page("Which one?", "Ask", ("the film",), "de"), "de")
    assert architecture["id2label"] == {str(index): name for index, name in enumerate(names)}
    served = load_classifier(folder, threads=1)
    assert len(served.classify(["the film"])[0].probabilities) == len(names)
    assert check_golden(served, folder) < 1e-3
    assert read_golden(folder)[-1].text == "the film"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert np.shape(metrics["confusion"]) == (len(names), len(names))
    assert ("within_one" in metrics["full"]) == labels.is_ordered
    assert metrics["split"] == "test"
    # One pass over texts is not enough, and the model says so.
    assert status == (NOT_BETTER if config.warning else 0)
    assert config.warning == warning_of(metrics)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert fingerprint(load_split(data, "train", 0.2)) in card
    assert (f"Warning: {config.warning}" in card) == bool(config.warning)
    with pytest.raises(CheckpointError, match="ratings"):
        load_classifier(folder, threads=1, films_only=True)


def test_names_of_labels_are_text_in_the_card() -> None:
    labels = LabelSet(("a|b", "<b>bold</b>"))
    train = [Review("train", number, number % 2, "a text", "", labels=labels) for number in range(4)]
    card = classifier.describe("odd", classifier.Texts(train, train, train, "validation"), "", is_calibrated=False)
    assert "| a\\|b | 2 |" in card
    assert "| &lt;b&gt;bold&lt;/b&gt; | 2 |" in card
    assert "<b>" not in card


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of six kinds without a test part."""
    folder = tmp_path_factory.mktemp("kinds")
    return imported(write_csv(folder / "rows.csv", texts_of(KINDS, 120)), "--test-share", "0")


def test_without_a_test_part_validation_is_evaluated_and_the_card_says_so(
    initial: Path, kinds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = trained(tmp_path, kinds, initial)
    folder = tmp_path / "checkpoints" / "mine"
    assert json.loads((folder / "metrics.json").read_text())["split"] == "validation"
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "There was no test part" in card
    assert "not calibrated" in card
    assert read_config(folder)[0].temperature == ((1, 1.0),)
    assert status == NOT_BETTER
    assert "warning: it is no better than TF-IDF" in capsys.readouterr().err


def test_a_run_that_was_stopped_goes_on_with_the_same_command(
    initial: Path, kinds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[Path] = []
    with monkeypatch.context() as patch:
        patch.setattr(TrainingRun, "go_on", lambda *_: False)
        assert trained(tmp_path, kinds, initial) == STOPPED
    assert not (tmp_path / "checkpoints").exists()

    def finish(checkpoint: Path, *_: object) -> str:
        finished.append(checkpoint)
        return ""

    monkeypatch.setattr(classifier, "finish", finish)
    monkeypatch.setattr(classifier, "publish", lambda *_: None)
    assert trained(tmp_path, kinds, initial) == 0
    before = (tmp_path / "run" / "checkpoint" / WEIGHTS_FILE).stat().st_mtime_ns
    assert trained(tmp_path, kinds, initial) == 0
    assert finished == [tmp_path / "run" / "checkpoint"] * 2
    assert (tmp_path / "run" / "checkpoint" / WEIGHTS_FILE).stat().st_mtime_ns == before


def test_another_folder_at_the_place_of_the_checkpoint_stays(initial: Path, kinds: Path, tmp_path: Path) -> None:
    letter = tmp_path / "checkpoints" / "mine" / "letter.txt"
    letter.parent.mkdir(parents=True)
    letter.write_text("keep me")
    assert trained(tmp_path, kinds, initial) == 1
    assert letter.read_text() == "keep me"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--stated-share", "0.5"], "only for film ratings"),
        (["--ordinal-weight", "1"], "needs labels in an order"),
        (["--validation-share", "0"], "too few texts"),
        (["--data", "/nowhere"], "cannot read"),
    ],
    ids=["film option", "order", "validation", "data"],
)
def test_an_error_is_one_line_and_a_status(
    initial: Path, kinds: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert trained(tmp_path, kinds, initial, *arguments) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line


def test_few_texts_are_passed_over_more_often(initial: Path) -> None:
    few, many = recipe(60, str(initial)), recipe(50_000, str(initial))
    assert few["epochs"] > many["epochs"]
    assert few["validation_share"] > many["validation_share"]


def test_a_model_has_to_beat_the_better_of_both_baselines() -> None:
    def metrics(accuracy: float) -> dict[str, Any]:
        competitor = {"tfidf": {"full": {"accuracy": 0.8}}, "tfidf_prefix": {"full": {"accuracy": 0.7}}}
        return {"full": {"accuracy": accuracy, "reviews": 50}, "split": "test", "competitor": competitor}

    assert warning_of(metrics(0.81)) == ""
    assert "80.0 %" in warning_of(metrics(0.8))


def test_the_checkpoint_lies_where_servers_look(monkeypatch: pytest.MonkeyPatch, kinds: Path, initial: Path) -> None:
    published: list[Path] = []
    monkeypatch.setattr(classifier, "finetune_on", lambda *_: initial)
    monkeypatch.setattr(classifier, "finish", lambda *_: "")
    monkeypatch.setattr(classifier, "publish", lambda _, output: published.append(output))
    assert main(["--data", str(kinds), "--name", "mine", "--init", str(initial)]) == 0
    assert published == [Path("var/checkpoints/mine")]

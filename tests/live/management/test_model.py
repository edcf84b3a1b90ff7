"""``manage.py model``."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from live.models import ModelChoice
from model_core.checkpoint import GOLDEN_FILE, TOKENIZER_FILE, WEIGHTS_FILE, read_config, sha256_of, write_config

pytestmark = pytest.mark.django_db


def model(*arguments: str) -> str:
    output = io.StringIO()
    call_command("model", *arguments, stdout=output)
    return output.getvalue()


def test_the_list_marks_the_one_that_is_chosen(models: Path) -> None:
    rows = model("list").splitlines()
    assert [row.split()[:3] for row in rows[1:3]] == [["*", "one", "1"], ["two", "2"]]
    assert rows[-1] == "* is STARCAST_CHECKPOINT: no other model was chosen"
    model("use", "two")
    rows = model("list").splitlines()
    assert [row[0] for row in rows[1:3]] == [" ", "*"]
    assert rows[-1].endswith(": two (*)")
    model("use", "--default")
    assert [row[0] for row in model("list").splitlines()[1:3]] == ["*", " "]


def test_a_chosen_one_that_is_gone_or_another_is_listed_as_such(models: Path) -> None:
    model("use", "two")
    config = models / "checkpoints" / "two" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert "has changed since it was chosen" in model("list").splitlines()[2]
    shutil.rmtree(config.parent)
    rows = model("list").splitlines()
    assert [row[:5] for row in rows[1:-1]] == ["  one"]
    assert rows[-1].endswith(": two (not on this machine: servers keep their model)")


def test_models_of_the_image_which_has_no_safetensors_can_be_used(models: Path) -> None:
    for folder in ("shipped/one", "checkpoints/two"):
        (models / folder / WEIGHTS_FILE).unlink()
    assert "is valid" in model("verify", "one")
    model("use", "two")
    model("use", "--default")
    assert [choice.name for choice in ModelChoice.objects.all()] == ["", "two"]


def test_the_default_is_taken_as_at_start_and_has_to_prove_nothing(models: Path) -> None:
    (models / "shipped" / "one" / GOLDEN_FILE).unlink()
    assert model("use", "--default").startswith("one 1 (tiny) is valid for onnx\n")


def test_a_model_that_cannot_be_used_is_listed_with_the_reason(models: Path) -> None:
    (models / "checkpoints" / "two" / "golden.json").unlink()
    (models / "shipped" / "three").mkdir()
    (models / "shipped" / "three" / "config.json").write_text("{}")
    listed = model("list")
    assert "has no golden answers" in listed
    assert "labels" in listed


def test_using_one_verifies_it_records_it_and_says_the_way_back(models: Path) -> None:
    used = model("use", "two")
    assert "two 2 (tiny) is valid for onnx" in used
    assert used.endswith("To go back: manage.py model use --default\n")
    choice = ModelChoice.objects.get()
    assert (choice.name, choice.digest) == ("two", sha256_of(models / "checkpoints" / "two" / "config.json"))
    assert model("use", "one").endswith("To go back: manage.py model use two\n")
    model("use", "--default")
    assert [choice.name for choice in ModelChoice.objects.all()] == ["", "one", "two"]


def test_a_bad_one_is_refused_in_one_line_and_nothing_is_recorded(models: Path) -> None:
    (models / "checkpoints" / "two" / TOKENIZER_FILE).write_text("{}")
    for action in ("use", "verify"):
        with pytest.raises(CommandError, match="SHA-256 differs") as caught:
            model(action, "two")
        assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(CommandError, match="no checkpoint three"):
        model("use", "three")
    with pytest.raises(CommandError, match="model list"):
        model("use", str(models / "shipped" / "one"))
    assert not ModelChoice.objects.exists()


def test_verifying_changes_nothing_and_takes_a_path_too(models: Path) -> None:
    assert "is valid" in model("verify", "two")
    assert "is valid" in model("verify", str(models / "shipped" / "one"))
    assert not ModelChoice.objects.exists()


def test_the_fake_backend_has_nothing_to_switch(models: Path, settings: Settings) -> None:
    settings.STARCAST_BACKEND = "fake"
    with pytest.raises(CommandError, match="fake"):
        model("use", "two")


def test_a_model_with_a_warning_is_used_only_by_force(models: Path) -> None:
    config, architecture = read_config(models / "checkpoints" / "two")
    write_config(models / "checkpoints" / "two", replace(config, warning="it is no better than a coin"), architecture)
    assert "needs --force: it is no better than a coin" in model("list")
    with pytest.raises(CommandError, match=r"no better than a coin.*--force"):
        model("use", "two")
    assert not ModelChoice.objects.exists()
    assert "Warning: it is no better than a coin" in model("use", "two", "--force")
    assert ModelChoice.objects.get().name == "two"

"""Which model is served, by settings and choices."""

import json
import shutil
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from live.models import ModelChoice
from live.serving.model_choice import checkpoint_folders, find_checkpoint, load_at_start, load_choice, verify
from model_core.checkpoint import GOLDEN_FILE, ONNX_DATA_FILE, ONNX_FILE, TOKENIZER_FILE, WEIGHTS_FILE, sha256_of
from model_core.errors import CheckpointError


def choice_of(folder: Path) -> ModelChoice:
    return ModelChoice.objects.create(name=folder.name, digest=sha256_of(folder / "config.json"))


def version_at_start() -> str:
    return load_at_start().classifier.info.version


def test_models_are_found_next_to_the_default_and_in_the_data_folder(models: Path) -> None:
    assert checkpoint_folders() == {"one": models / "shipped" / "one", "two": models / "checkpoints" / "two"}
    assert find_checkpoint("") == models / "shipped" / "one"
    with pytest.raises(CheckpointError, match="no checkpoint three"):
        find_checkpoint("three")


@pytest.mark.parametrize("name", ["../one", "/etc", "two/../two"])
def test_a_name_leads_nowhere_else(models: Path, name: str) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        find_checkpoint(name)


@pytest.mark.parametrize("file", [ONNX_FILE, TOKENIZER_FILE, WEIGHTS_FILE])
def test_every_file_is_verified_also_those_that_are_not_served(models: Path, file: str) -> None:
    folder = models / "checkpoints" / "two"
    assert verify(folder).golden_difference == pytest.approx(0, abs=1e-4)
    with (folder / file).open("ab") as damaged:
        damaged.write(b"\n")
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        verify(folder)


def test_a_copy_may_lack_only_files_that_are_not_served(models: Path) -> None:
    folder = models / "checkpoints" / "two"
    (folder / WEIGHTS_FILE).unlink()
    assert verify(folder).classifier.info.backend == "onnx"
    (folder / ONNX_DATA_FILE).unlink()
    with pytest.raises(CheckpointError, match=f"{ONNX_DATA_FILE} is missing"):
        verify(folder)


def test_a_model_without_digests_or_golden_answers_is_not_fit(models: Path) -> None:
    folder = models / "checkpoints" / "two"
    config = json.loads((folder / "config.json").read_text())
    config["starcast"]["sha256"] = {}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="has no digests"):
        verify(folder)
    (folder / GOLDEN_FILE).unlink()
    with pytest.raises(CheckpointError, match=r"golden\.json is missing"):
        verify(folder)


@pytest.mark.django_db
def test_the_newest_choice_answers_from_the_start(models: Path) -> None:
    assert version_at_start() == "1"
    choice_of(models / "checkpoints" / "two")
    assert version_at_start() == "2"
    ModelChoice.objects.create()
    assert version_at_start() == "1"


@pytest.mark.django_db
@pytest.mark.parametrize("fault", ["gone", "another of the same name", "damaged"])
def test_a_missing_choice_leaves_the_default_model(models: Path, caplog: pytest.LogCaptureFixture, fault: str) -> None:
    folder = models / "checkpoints" / "two"
    choice = choice_of(folder)
    if fault == "gone":
        shutil.rmtree(folder)
    elif fault == "damaged":
        (folder / TOKENIZER_FILE).write_text("{}")
    else:
        shutil.copytree(models / "shipped" / "one", folder, dirs_exist_ok=True)
    assert version_at_start() == "1"
    [record] = caplog.records
    assert "using STARCAST_CHECKPOINT" in record.message
    with pytest.raises(CheckpointError):
        load_choice(choice)


@pytest.mark.django_db
def test_the_fake_model_is_never_replaced(models: Path, settings: Settings) -> None:
    choice_of(models / "checkpoints" / "two")
    settings.STARCAST_BACKEND = "fake"
    assert load_at_start().classifier.info.backend == "fake"

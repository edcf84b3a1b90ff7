import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from model_core.backends.onnx_cached import CachedOnnxBackend
from model_core.checkpoint import GOLDEN_FILE
from model_core.classifier import TextClassifier
from model_core.errors import CheckpointError
from model_core.golden import TOLERANCE, check_golden, read_golden
from model_core.loading import load_classifier
from tests.factories import write_checkpoint
from tools.reviews import REVIEWS
from tools.servers import REPOSITORY

SHIPPED = REPOSITORY / "model_core" / "checkpoints" / "starcast-electra-6x384"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkpoint: Path = write_checkpoint(tmp_path_factory.mktemp("tiny"))
    return checkpoint


def test_an_export_answers_as_it_did(exported: Path) -> None:
    assert check_golden(load_classifier(exported, threads=1), exported) < 1e-4


def test_the_shipped_checkpoint_answers_as_it_did_when_it_was_exported() -> None:
    assert check_golden(load_classifier(SHIPPED), SHIPPED) < TOLERANCE
    assert len(read_golden(SHIPPED)) >= 8


def test_the_shipped_graphs_read_a_long_text_alike_in_any_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(REVIEWS)[:1_800]
    classifier = load_classifier(SHIPPED)
    assert isinstance(classifier, TextClassifier)
    [in_steps] = classifier.classify([text])
    assert in_steps.tokens > 300
    for step in (16, 64, 512):
        monkeypatch.setattr(classifier._backend, "_step", step)
        assert list(classifier.classify([text])) == [in_steps]
    backend = classifier._backend
    assert isinstance(backend, CachedOnnxBackend)
    monkeypatch.setattr(backend, "_alone", dataclasses.replace(backend._alone, steps=None))
    [block_by_block] = classifier.classify([text])
    assert block_by_block == in_steps


def test_other_weights_are_noticed(exported: Path, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", seed=1)
    shutil.copyfile(exported / GOLDEN_FILE, other / GOLDEN_FILE)
    with pytest.raises(CheckpointError, match="does not answer as when it was exported"):
        check_golden(load_classifier(other, threads=1), other)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "is missing"),
        ("{", "is not valid"),
        ("[]", "is empty"),
        ('[{"text": "a"}]', "is not valid"),
        ('[{"text": "a", "probabilities": [1]}]', "wrong number of classes"),
        (json.dumps([{"text": "a", "probabilities": ["NaN"] * 8}]), "does not answer"),
    ],
)
def test_answers_that_cannot_be_compared_are_no_pass(
    exported: Path, tmp_path: Path, content: str | None, message: str
) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "copy"))
    (folder / GOLDEN_FILE).unlink()
    if content is not None:
        (folder / GOLDEN_FILE).write_text(content)
    with pytest.raises(CheckpointError, match=message):
        check_golden(load_classifier(folder, threads=1), folder)

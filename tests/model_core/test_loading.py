import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from model_core.checkpoint import ONNX_DATA_FILE, ONNX_FILE, TOKENIZER_FILE, WEIGHTS_FILE, sha256_of
from model_core.errors import CheckpointError
from model_core.fake import FakeClassifier
from model_core.loading import BACKENDS, load_classifier
from tests.factories import tiny_model, write_hugging_face, write_tuned
from tests.tiny import TINY_PRIOR
from tools.servers import REPOSITORY


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    """A checkpoint to damage."""
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


def refusal(folder: Path, backend: str = "onnx") -> str:
    """The message of the CheckpointError, which must be one line."""
    with pytest.raises(CheckpointError) as caught:
        load_classifier(folder, backend, threads=1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(("backend", "weights"), [("onnx", ONNX_DATA_FILE), ("torch", WEIGHTS_FILE)])
def test_a_checkpoint_says_what_it_is(checkpoint: Path, backend: str, weights: str) -> None:
    info = load_classifier(checkpoint, backend, threads=1).info
    assert (info.name, info.version, info.backend, info.max_tokens) == ("tiny", "7", backend, 64)
    assert info.prior == TINY_PRIOR
    assert info.sha256 == sha256_of(checkpoint / weights)


def test_both_backends_agree_on_a_text(checkpoint: Path) -> None:
    texts = ["a good film", "the plot was awful " * 20, ""]
    onnx, torched = (load_classifier(checkpoint, name, threads=1).classify(texts) for name in ("onnx", "torch"))
    assert [one.tokens for one in onnx] == [other.tokens for other in torched] == [3, 62, 0]
    for one, other in zip(onnx, torched, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=0.02)  # int8 against float32


def test_the_temperature_of_the_config_is_used(copy: Path) -> None:
    [before] = load_classifier(copy, threads=1).classify(["a good film"])
    starcast = json.loads((copy / "config.json").read_text())["starcast"]
    edit_config(copy, starcast={**starcast, "temperature": [[1, 100.0]]})
    [after] = load_classifier(copy, threads=1).classify(["a good film"])
    assert max(after.probabilities) < 0.14 < max(before.probabilities)


def test_the_fake_needs_no_checkpoint(tmp_path: Path) -> None:
    assert isinstance(load_classifier(tmp_path / "nowhere", "fake"), FakeClassifier)
    assert set(BACKENDS) == {"onnx", "torch", "fake"}


def test_a_generic_hugging_face_checkpoint_of_eight_labels_is_served_by_torch(tmp_path: Path) -> None:
    generic = {index: f"LABEL_{index}" for index in range(8)}
    model = tiny_model(id2label=generic, label2id={label: index for index, label in generic.items()})
    classifier = load_classifier(write_hugging_face(tmp_path / "generic", model), "torch", threads=1)
    assert classifier.info.name == "generic"
    [prediction] = classifier.classify(["a good film"])
    assert sum(prediction.probabilities) == pytest.approx(1)


def test_a_classifier_from_elsewhere_is_served_with_its_own_labels(tmp_path: Path) -> None:
    names = {0: "NEGATIVE", 1: "POSITIVE"}
    model = tiny_model(id2label=names, label2id={label: index for index, label in names.items()})
    folder = write_hugging_face(tmp_path / "sentiment", model)
    [prediction] = load_classifier(folder, "torch", threads=1).classify(["a good film"])
    assert prediction.label in names.values()
    with pytest.raises(CheckpointError, match=r"has the labels \['NEGATIVE', 'POSITIVE'\]"):
        load_classifier(folder, "torch", threads=1, films_only=True)


def test_a_missing_folder_is_refused_with_the_setting_to_mend(tmp_path: Path) -> None:
    assert "STARCAST_CHECKPOINT" in refusal(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "config.json is missing" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pkl", "last.ckpt"])
def test_a_folder_with_only_a_pickle_is_refused_unread(tmp_path: Path, name: str) -> None:
    write_hugging_face(tmp_path, tiny_model())
    (tmp_path / WEIGHTS_FILE).unlink()
    torch.save(tiny_model().state_dict(), tmp_path / name)
    message = refusal(tmp_path, "torch")
    assert name in message
    assert "convert it to safetensors" in message


def test_a_pickle_beside_safetensors_is_left_alone(copy: Path) -> None:
    (copy / "pytorch_model.bin").write_bytes(b"would fail if it were loaded")
    assert load_classifier(copy, "torch", threads=1).info.backend == "torch"


@pytest.mark.parametrize(
    ("name", "backend"),
    [(ONNX_FILE, "onnx"), (ONNX_DATA_FILE, "onnx"), (WEIGHTS_FILE, "torch"), (TOKENIZER_FILE, "onnx")],
)
def test_a_file_of_another_hash_is_refused(copy: Path, name: str, backend: str) -> None:
    with (copy / name).open("ab") as file:
        file.write(b" ")
    message = refusal(copy, backend)
    assert str(copy / name) in message
    assert "fetch it again" in message


def test_an_export_without_digests_is_refused_and_a_training_run_is_not(copy: Path) -> None:
    starcast = json.loads((copy / "config.json").read_text())["starcast"]
    edit_config(copy, starcast={**starcast, "sha256": {}})
    assert f"{copy / ONNX_DATA_FILE} has no SHA-256" in refusal(copy)
    assert load_classifier(copy, "torch", threads=1).info.backend == "torch"


def test_another_number_of_labels_is_refused(copy: Path) -> None:
    edit_config(copy, id2label={"0": "NEGATIVE", "1": "POSITIVE"})
    assert "one for each of 2 labels" in refusal(copy)


def test_a_missing_graph_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    folder = write_tuned(tmp_path / "tuned")
    assert f"python -m training.export {folder}" in refusal(folder)


@pytest.mark.parametrize("name", [TOKENIZER_FILE, WEIGHTS_FILE])
def test_other_missing_files_are_refused_by_name(copy: Path, name: str) -> None:
    (copy / name).unlink()
    assert f"{name} is missing" in refusal(copy, "torch")


@pytest.mark.parametrize("content", ["", "{}", "not JSON\nat all"])
def test_a_damaged_tokenizer_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    folder = write_tuned(tmp_path / "tuned")
    (folder / TOKENIZER_FILE).write_text(content)
    assert str(folder / TOKENIZER_FILE) in refusal(folder, "torch")


def test_a_vocabulary_that_does_not_fit_the_weights_is_refused(tmp_path: Path) -> None:
    folder = write_tuned(tmp_path / "tuned")
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "A": 100_000, "film": 100_001, ".": 100_002}
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
    tokenizer.model = models.WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer.save(str(folder / TOKENIZER_FILE))
    assert "cannot rate a text" in refusal(folder, "torch")


def run_python(script: str, *arguments: str) -> list[str]:
    """The lines that a fresh interpreter prints."""
    command = [sys.executable, "-c", script, *arguments]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_serving_by_onnx_imports_neither_torch_nor_transformers(checkpoint: Path) -> None:
    script = """
import sys
from pathlib import Path
from model_core.loading import load_classifier
print(load_classifier(Path(sys.argv[1]), "onnx", 1).classify(["A film."])[0].tokens)
print(*sorted({"torch", "transformers", "django", "live", "training", "onnxruntime"} & sys.modules.keys()))
"""
    tokens, imported = run_python(script, str(checkpoint))
    assert int(tokens) > 0
    assert imported == "onnxruntime"

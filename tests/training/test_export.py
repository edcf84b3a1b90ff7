import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from transformers import ElectraForSequenceClassification

from model_core.backends.onnx import OnnxBackend, session_options
from model_core.backends.torch import TorchBackend
from model_core.checkpoint import (
    GOLDEN_FILE,
    ONNX_CACHED_FILE,
    ONNX_DATA_FILE,
    ONNX_FILE,
    ONNX_STEPS_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    read_config,
    sha256_of,
)
from model_core.errors import CheckpointError
from model_core.loading import load_classifier
from tests.factories import tiny_model, torch_logits, write_hugging_face, write_tuned
from tests.tiny import TINY_PRIOR, tiny_config
from training.export import export, main

TEXTS = [(2, 3), (2, 10, 11, 12, 3), tuple(range(2, 66))]
FILES = {"config.json", GOLDEN_FILE, ONNX_FILE, ONNX_DATA_FILE, WEIGHTS_FILE, TOKENIZER_FILE}


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    export(write_tuned(tmp_path / "tuned"), tmp_path / "out" / "tiny")
    return tmp_path / "out" / "tiny"


@pytest.mark.parametrize("architecture", [{}, {"embedding_size": 16}], ids=["plain", "projected embeddings"])
def test_the_int8_graph_agrees_with_the_weights_it_was_made_of(tmp_path: Path, architecture: dict[str, Any]) -> None:
    export(write_tuned(tmp_path, **architecture), tmp_path)
    logits = OnnxBackend(tmp_path / ONNX_FILE, threads=1).logits(TEXTS)
    model = tiny_model(**architecture)
    np.testing.assert_allclose(logits, [torch_logits(model, ids) for ids in TEXTS], atol=0.1)


def test_the_digests_are_those_of_the_files(exported: Path) -> None:
    config, _ = read_config(exported)
    assert {path.name for path in exported.iterdir()} == FILES
    assert config.sha256 == {name: sha256_of(exported / name) for name in FILES - {"config.json", GOLDEN_FILE}}


@pytest.mark.parametrize("name", [ONNX_FILE, ONNX_DATA_FILE, TOKENIZER_FILE])
def test_loading_verifies_the_digests(exported: Path, name: str) -> None:
    assert load_classifier(exported, "onnx", threads=1).info.name == "tiny"
    with (exported / name).open("ab") as file:
        file.write(b"\n")
    with pytest.raises(CheckpointError, match="SHA-256 differs"):
        load_classifier(exported, "onnx", threads=1)


def test_a_block_causal_checkpoint_gets_the_graph_with_keys_and_values_too(tmp_path: Path) -> None:
    folder = write_tuned(tmp_path / "tuned", config=tiny_config(attention="block-causal", block=4, tail_step=16))
    export(folder, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*FILES, ONNX_CACHED_FILE, ONNX_STEPS_FILE}
    plain = OnnxBackend(tmp_path / "out" / ONNX_FILE, threads=1)
    torched = TorchBackend(tmp_path / "out", read_config(tmp_path / "out")[0], pad_id=0, threads=1)
    np.testing.assert_allclose(plain.logits(TEXTS), torched.logits(TEXTS), atol=0.1)
    session = onnxruntime.InferenceSession(
        tmp_path / "out" / ONNX_CACHED_FILE, session_options(threads=1), providers=["CPUExecutionProvider"]
    )
    empty = np.zeros((1, 4, 0, 8), dtype=np.float32)
    for ids in TEXTS:
        feed = {"input_ids": np.array([ids]), "new_lengths": np.array([len(ids)]), "past_lengths": np.array([0])}
        feed |= {node.name: empty for node in session.get_inputs() if node.name.startswith("past_key.")}
        feed |= {node.name: empty for node in session.get_inputs() if node.name.startswith("past_value.")}
        np.testing.assert_allclose(session.run(["logits"], feed)[0][:, -1], plain.logits([ids]), atol=1e-5)


def test_the_graphs_hold_their_structure_only(exported: Path) -> None:
    assert (exported / ONNX_FILE).stat().st_size < 30_000
    assert (exported / ONNX_DATA_FILE).stat().st_size > 10_000


def test_the_float16_weights_load_back_with_transformers(exported: Path) -> None:
    again = ElectraForSequenceClassification.from_pretrained(exported, use_safetensors=True)
    assert {parameter.dtype for parameter in again.parameters()} == {torch.float16}
    expected = tiny_model().state_dict()
    for name, tensor in again.state_dict().items():
        torch.testing.assert_close(tensor, expected[name].half(), atol=0, rtol=0)


def test_what_the_checkpoint_says_of_itself_is_kept(exported: Path) -> None:
    config, architecture = read_config(exported)
    assert (config.name, config.version, config.temperature, config.prior) == ("tiny", "7", ((1, 1.5),), TINY_PRIOR)
    assert architecture["dtype"] == "float16"
    assert architecture["hidden_size"] == 32


def test_a_generic_hugging_face_folder_can_be_exported_too(tmp_path: Path) -> None:
    export(write_hugging_face(tmp_path / "generic", tiny_model()), tmp_path / "out")
    assert load_classifier(tmp_path / "out", "onnx", threads=1).info.name == "generic"


def test_an_export_into_its_own_folder_gives_the_same_files(exported: Path, tmp_path: Path) -> None:
    export(tmp_path / "tuned", tmp_path / "tuned")
    for name in FILES:
        assert (tmp_path / "tuned" / name).read_bytes() == (exported / name).read_bytes()


def test_an_export_of_an_export_changes_nothing(exported: Path, tmp_path: Path) -> None:
    export(exported, tmp_path / "again")
    assert read_config(tmp_path / "again") == read_config(exported)


def test_the_command_writes_where_it_is_told_and_lists_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(write_tuned(tmp_path / "tuned")), "--output", str(tmp_path / "out")]) == 0
    sizes = json.loads(capsys.readouterr().out)
    assert sizes == {name: (tmp_path / "out" / name).stat().st_size for name in FILES}
    assert not (tmp_path / "tuned" / ONNX_FILE).exists()


def test_without_an_output_the_command_writes_into_the_checkpoint(tmp_path: Path) -> None:
    assert main([str(write_tuned(tmp_path))]) == 0
    assert (tmp_path / ONNX_FILE).is_file()


@pytest.mark.parametrize("damage", ["missing folder", "missing weights", "damaged weights", "another architecture"])
def test_an_error_is_one_line_and_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    folder = write_tuned(tmp_path / "tuned")
    if damage == "missing folder":
        shutil.rmtree(folder)
    elif damage == "missing weights":
        (folder / WEIGHTS_FILE).unlink()
    elif damage == "damaged weights":
        (folder / WEIGHTS_FILE).write_bytes(b"damaged")
    else:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "hidden_act": "relu"}))
    capsys.readouterr()
    assert main([str(folder), "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert len(error.splitlines()) == 1


def test_help_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "usage: python -m training.export" in capsys.readouterr().out

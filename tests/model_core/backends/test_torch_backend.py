from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import BertConfig, BertForSequenceClassification, ElectraConfig, ElectraModel

from model_core.backends.torch import TorchBackend
from model_core.checkpoint import WEIGHTS_FILE
from model_core.errors import CheckpointError
from tests.factories import tiny_model, torch_logits, write_hugging_face
from tests.tiny import tiny_config

TEXTS = [(2, 10, 11, 12, 3), (2, 7, 3), (2, *range(5, 60), 3)]
SHAPE: dict[str, Any] = {
    "vocab_size": 126,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}


def test_logits_are_those_of_hugging_face(tmp_path: Path) -> None:
    model = tiny_model()
    backend = TorchBackend(write_hugging_face(tmp_path, model), tiny_config(), pad_id=0, threads=1)
    logits = backend.logits(TEXTS)
    assert logits.shape == (3, 8)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, [torch_logits(model, ids) for ids in TEXTS], atol=1e-5)


def test_padding_and_neighbours_do_not_change_a_text(checkpoint: Path) -> None:
    backend = TorchBackend(checkpoint, tiny_config(), pad_id=0, threads=1)
    together = backend.logits(TEXTS)
    for row, ids in zip(together, TEXTS, strict=True):
        np.testing.assert_allclose(row, backend.logits([ids])[0], atol=1e-5)


def test_the_same_text_gets_the_same_numbers_again(checkpoint: Path) -> None:
    backend = TorchBackend(checkpoint, tiny_config(), pad_id=0, threads=1)
    np.testing.assert_array_equal(backend.logits(TEXTS), backend.logits(TEXTS))


def test_float16_weights_are_computed_in_float32(checkpoint: Path) -> None:
    backend = TorchBackend(checkpoint, tiny_config(), pad_id=0, threads=1)
    assert {str(parameter.dtype) for parameter in backend._model.parameters()} == {"torch.float32"}


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        TorchBackend(folder, tiny_config(), pad_id=0, threads=1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("size", [1, 5000])
def test_damaged_weights_are_refused_in_one_line(tmp_path: Path, size: int) -> None:
    weights = write_hugging_face(tmp_path, tiny_model()) / WEIGHTS_FILE
    weights.write_bytes(weights.read_bytes()[:size])
    assert "cannot load" in refusal(tmp_path)


def test_an_encoder_without_a_head_is_refused_instead_of_rating_at_random(tmp_path: Path) -> None:
    folder = write_hugging_face(tmp_path, ElectraModel(ElectraConfig(**SHAPE, embedding_size=32, num_labels=8)))
    assert f"training.finetune --init {folder}" in refusal(folder)


def test_another_architecture_is_refused_instead_of_rating_at_random(tmp_path: Path) -> None:
    folder = write_hugging_face(tmp_path, BertForSequenceClassification(BertConfig(**SHAPE, num_labels=8)))
    assert "is not a whole ELECTRA classifier" in refusal(folder)

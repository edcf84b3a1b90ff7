from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model_core.backends.onnx import OnnxBackend, has_int8_products
from model_core.checkpoint import ONNX_FILE
from model_core.errors import CheckpointError

TEXTS = [(2, 10, 11, 12, 3), (2, 7, 3), (2, *range(5, 60), 3), (2, 10, 11, 12, 3)]


@pytest.fixture(scope="module")
def backend(checkpoint: Path) -> OnnxBackend:
    return OnnxBackend(checkpoint / ONNX_FILE, threads=1)


def test_logits_have_one_row_a_text_and_one_column_a_rating(backend: OnnxBackend) -> None:
    logits = backend.logits(TEXTS)
    assert logits.shape == (4, 8)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()


def test_a_text_gives_the_same_numbers_alone_and_in_a_batch(backend: OnnxBackend) -> None:
    together = backend.logits(TEXTS)
    for row, ids in zip(together, TEXTS, strict=True):
        np.testing.assert_array_equal(row, backend.logits([ids])[0])
    assert not np.array_equal(together[0], together[1])


def test_the_order_of_the_words_matters(backend: OnnxBackend) -> None:
    one, other = backend.logits([(2, 8, 9, 10, 3), (2, 10, 9, 8, 3)])
    assert np.abs(one - other).max() > 1e-3


def test_a_file_that_is_no_graph_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ONNX_FILE).write_bytes(b"not a graph")
    with pytest.raises(CheckpointError, match="cannot load") as caught:
        OnnxBackend(tmp_path / ONNX_FILE, threads=1)
    assert "\n" not in str(caught.value)


def test_a_graph_of_another_number_of_labels_is_refused(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Identity", ["input_ids"], ["logits"])],
        "two_labels",
        [helper.make_tensor_value_info("input_ids", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2])],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), tmp_path / ONNX_FILE)
    with pytest.raises(CheckpointError, match="8 logits"):
        OnnxBackend(tmp_path / ONNX_FILE, threads=1)


@pytest.mark.skipif(not has_int8_products(), reason="products of uint8 and int8 saturate on this processor")
def test_with_products_of_int8_the_quicker_ones_give_the_numbers_of_the_others(
    checkpoint: Path, backend: OnnxBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_core.backends.onnx.has_int8_products", lambda: False)
    np.testing.assert_array_equal(OnnxBackend(checkpoint / ONNX_FILE, threads=1).logits(TEXTS), backend.logits(TEXTS))


def test_the_instructions_of_a_processor_are_read_where_linux_names_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, fast in (("fpu avx2\n", False), ("fpu avx_vnni\n", True), ("fpu not_avx_vnni", False)):
        monkeypatch.setattr(Path, "read_text", lambda *_, said=f"flags\t: {flags}", **__: said)
        assert has_int8_products() is fast

    def no_such_file(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", no_such_file)
    assert not has_int8_products()

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx import helper, numpy_helper

from tests.factories import tiny_model, torch_logits
from training.onnx_graph import FloatArray, build_classifier, quantize_rows

ARCHITECTURES: list[dict[str, Any]] = [
    {},
    {"embedding_size": 16},
    {"num_hidden_layers": 3, "num_attention_heads": 2, "layer_norm_eps": 0.1},
]
TEXTS = [(2, 3), (2, 10, 11, 12, 3), tuple(range(2, 66))]


def weights_of(model: torch.nn.Module) -> dict[str, FloatArray]:
    return {name: tensor.float().numpy() for name, tensor in model.state_dict().items()}


def build(model: Any) -> onnx.ModelProto:
    return build_classifier(weights_of(model), model.config.to_dict())


def run(proto: onnx.ModelProto, ids: tuple[int, ...]) -> FloatArray:
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"input_ids": np.array([ids], dtype=np.int64)})
    assert logits.shape == (1, 8)
    return np.asarray(logits[0])


def constants(proto: onnx.ModelProto) -> dict[str, Any]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}


def in_float(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its integer products done in float32: what is left is its structure."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    arrays = constants(proto)
    for node in copy.graph.node:
        if node.op_type == "DynamicQuantizeMatMul":
            source, weight, scales, _ = node.input
            real = arrays[weight].astype(np.float32) * arrays[scales]
            copy.graph.initializer.append(numpy_helper.from_array(real, f"{weight}.float"))
            node.CopyFrom(helper.make_node("MatMul", [source, f"{weight}.float"], list(node.output), name=node.name))
    return copy


def rounded(weights: Mapping[str, FloatArray]) -> dict[str, torch.Tensor]:
    """The weights as the graph holds them: products and word embeddings on their int8 grid."""
    grid = {}
    for name, weight in weights.items():
        if weight.ndim == 2 and not name.startswith("classifier.") and "position_" not in name and "token_" not in name:
            values, scales = quantize_rows(weight)
            grid[name] = torch.from_numpy(values.astype(np.float32) * scales[:, None])
        else:
            grid[name] = torch.from_numpy(weight)
    return grid


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_but_for_the_rounding_the_graph_computes_what_pytorch_computes(architecture: dict[str, Any]) -> None:
    model = tiny_model(**architecture)
    graph = in_float(build(model))
    model.load_state_dict(rounded(weights_of(model)))
    for ids in TEXTS:
        np.testing.assert_allclose(run(graph, ids), torch_logits(model, ids), atol=2e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=str)
def test_the_int8_logits_agree_with_pytorch_within_a_tenth(architecture: dict[str, Any]) -> None:
    model = tiny_model(**architecture)
    graph = build(model)
    for ids in TEXTS:
        # Logits of a standard deviation of about 1; the widths of real models round off far less.
        np.testing.assert_allclose(run(graph, ids), torch_logits(model, ids), atol=0.1)


def test_the_tests_can_tell_texts_and_models_apart() -> None:
    model = tiny_model()
    differences = [torch_logits(model, TEXTS[0]) - torch_logits(model, TEXTS[1])]
    differences.append(torch_logits(model, TEXTS[1]) - torch_logits(tiny_model(seed=1), TEXTS[1]))
    assert all(np.abs(difference).max() > 0.3 for difference in differences)


def test_all_products_of_the_encoder_are_in_int8() -> None:
    graph = build(tiny_model(embedding_size=16))
    arrays = constants(graph)
    products = [node for node in graph.graph.node if node.op_type == "DynamicQuantizeMatMul"]
    assert len(products) == 1 + 4 * 2  # the projection of the embeddings, and four a layer
    assert {arrays[node.input[1]].dtype for node in products} == {np.dtype(np.int8)}
    assert arrays["words.int8"].dtype == np.int8
    floats = sum(array.nbytes for array in arrays.values() if array.dtype == np.float32)
    assert floats < 0.5 * sum(array.nbytes for array in arrays.values())


def test_a_graph_passes_the_checker_of_onnx() -> None:
    onnx.checker.check_model(build(tiny_model()))


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"position_embedding_type": "relative_key"}], ids=str)
def test_another_architecture_is_refused(change: dict[str, Any]) -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="GELU"):
        build_classifier(weights_of(model), {**model.config.to_dict(), **change})


@given(hnp.arrays(np.float32, (4, 6), elements=st.floats(-1e6, 1e6, width=32)))
def test_no_weight_is_rounded_by_more_than_half_a_step(weight: FloatArray) -> None:
    values, scales = quantize_rows(weight)
    assert values.dtype == np.int8
    assert scales.shape == (4,)
    error = np.abs(values.astype(np.float64) * scales[:, None] - weight)
    assert (error <= scales[:, None] * 0.5001 + 1e-12).all()


def test_each_row_has_a_scale_of_its_own_and_uses_the_whole_range() -> None:
    values, scales = quantize_rows(np.array([[0.5, -2.0], [0.01, 0.0025], [0, 0]], dtype=np.float32))
    np.testing.assert_allclose(scales[:2], [2 / 127, 0.01 / 127], rtol=1e-6)
    assert values.tolist() == [[32, -127], [127, 32], [0, 0]]


def test_a_built_graph_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    model = tiny_model()
    assert build(model).SerializeToString(deterministic=True) == build(model).SerializeToString(deterministic=True)

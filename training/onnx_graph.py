"""The ELECTRA classifier as an ONNX graph, written operator by operator with int8 weights.

A hand-written graph of some dozen lines a layer says exactly which operator runs: attention, skip connections and
GELU in ONNX Runtime's fused operators, products in ``DynamicQuantizeMatMul`` with one weight scale a channel. That
operator takes one activation scale from its whole input, so a text's numbers would shift with its neighbours and its
padding: the graph has no mask, and serving runs one text at a time (on a CPU, a batch of many gains nothing).
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

FloatArray = NDArray[np.float32]

_OPSET: Final = 17
_FUSED: Final = "com.microsoft"


class _Graph:
    """Nodes and initializers while they are put together; each method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def op(self, kind: str, name: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        names = [name] if outputs == 1 else [f"{name}.{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, name: str, source: str, weight: FloatArray) -> str:
        """``source @ weight.T`` with the weight [out, in] in int8."""
        values, scales = quantize_rows(weight)
        return str(
            self.op(
                "DynamicQuantizeMatMul", name, source,
                self.constant(f"{name}.weight", values.T),
                self.constant(f"{name}.scales", scales),
                self.constant(f"{name}.zeros", np.zeros(len(scales), dtype=np.int8)),
                domain=_FUSED,
            )
        )  # fmt: skip


def quantize_rows(weight: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Quantise [rows, columns] symmetrically: int8 values of the same shape, and one float scale a row."""
    scales = (np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127).astype(np.float32)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales


def build_classifier(weights: Mapping[str, FloatArray], architecture: Mapping[str, Any]) -> onnx.ModelProto:
    """Build the graph: ``input_ids`` [1, tokens] int64, without padding, to ``logits`` [1, 8] float32.

    ``weights`` are those of Hugging Face's ElectraForSequenceClassification, ``architecture`` its config.
    Raises ValueError for an architecture that this graph does not cover.
    """
    if architecture["hidden_act"] != "gelu" or architecture.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError("only ELECTRA with GELU and absolute positions is covered")
    graph = _Graph()
    epsilon = float(architecture["layer_norm_eps"])
    hidden = _embeddings(graph, weights, epsilon)
    for layer in range(architecture["num_hidden_layers"]):
        hidden = _layer(graph, weights, hidden, layer, architecture["num_attention_heads"], epsilon)
    first = graph.op("Gather", "cls", hidden, graph.constant("cls.index", np.array(0, dtype=np.int64)), axis=1)
    dense = _float_linear(graph, "classifier.dense", first, weights)
    activated = graph.op("Gelu", "classifier.gelu", dense, domain=_FUSED)
    logits = _float_linear(graph, "classifier.out_proj", activated, weights)
    return _model(graph, logits, weights["classifier.out_proj.weight"].shape[0])


def _embeddings(graph: _Graph, weights: Mapping[str, FloatArray], epsilon: float) -> str:
    prefix = "electra.embeddings"
    values, scales = quantize_rows(weights[f"{prefix}.word_embeddings.weight"])
    rows = graph.op("Gather", "words.rows", graph.constant("words.int8", values), "input_ids")
    row_scales = graph.op("Gather", "words.row_scales", graph.constant("words.scales", scales[:, None]), "input_ids")
    word = graph.op("Mul", "words", graph.op("Cast", "words.float", rows, to=TensorProto.FLOAT), row_scales)
    # Every token is of segment 0, so its embedding joins the positions'.
    positions = weights[f"{prefix}.position_embeddings.weight"] + weights[f"{prefix}.token_type_embeddings.weight"][:1]
    tokens = graph.op("Shape", "tokens", "input_ids", start=1)
    zero, one = (graph.constant(name, np.array([i], dtype=np.int64)) for i, name in enumerate(("zero", "one")))
    position = graph.op("Slice", "positions.used", graph.constant("positions", positions), zero, tokens, zero, one)
    normed = graph.op(
        "LayerNormalization", "embeddings", graph.op("Add", "embeddings.sum", word, position),
        *_weight_and_bias(graph, weights, f"{prefix}.LayerNorm"), axis=-1, epsilon=epsilon,
    )  # fmt: skip
    project = weights.get("electra.embeddings_project.weight")
    if project is None:
        return str(normed)
    bias = graph.constant("embeddings_project.bias", weights["electra.embeddings_project.bias"])
    return str(graph.op("Add", "embeddings_project", graph.linear("embeddings_project.matmul", normed, project), bias))


def _layer(
    graph: _Graph, weights: Mapping[str, FloatArray], hidden: str, index: int, heads: int, epsilon: float
) -> str:
    def weight(part: str) -> FloatArray:
        return weights[f"electra.encoder.layer.{index}.{part}"]

    def named(part: str, array: FloatArray) -> str:
        return graph.constant(f"layer{index}.{part}", array)

    def skip_norm(part: str, source: str, skip: str, module: str) -> str:
        return str(
            graph.op(
                "SkipLayerNormalization", f"layer{index}.{part}", source, skip,
                named(f"{part}.gamma", weight(f"{module}.LayerNorm.weight")),
                named(f"{part}.beta", weight(f"{module}.LayerNorm.bias")),
                named(f"{part}.bias", weight(f"{module}.dense.bias")),
                domain=_FUSED, epsilon=epsilon,
            )
        )  # fmt: skip

    parts = ("query", "key", "value")
    qkv = graph.linear(
        f"layer{index}.qkv", hidden, np.concatenate([weight(f"attention.self.{part}.weight") for part in parts])
    )
    query, key, value = graph.op("Split", f"layer{index}.split", qkv, axis=2, outputs=3)
    bias = named("qkv.bias", np.concatenate([weight(f"attention.self.{part}.bias") for part in parts]))
    context = graph.op(
        "MultiHeadAttention", f"layer{index}.attention", query, key, value, bias,
        domain=_FUSED, num_heads=heads,
    )  # fmt: skip
    output = graph.linear(f"layer{index}.output", context, weight("attention.output.dense.weight"))
    attended = skip_norm("attended", output, hidden, "attention.output")
    wide = graph.linear(f"layer{index}.wide", attended, weight("intermediate.dense.weight"))
    gelu = graph.op(
        "BiasGelu", f"layer{index}.gelu", wide, named("wide.bias", weight("intermediate.dense.bias")), domain=_FUSED
    )
    narrow = graph.linear(f"layer{index}.narrow", gelu, weight("output.dense.weight"))
    return skip_norm("hidden", narrow, attended, "output")


def _weight_and_bias(graph: _Graph, weights: Mapping[str, FloatArray], name: str) -> list[str]:
    return [graph.constant(f"{name}.{part}", weights[f"{name}.{part}"]) for part in ("weight", "bias")]


def _float_linear(graph: _Graph, name: str, source: str, weights: Mapping[str, FloatArray]) -> str:
    return str(graph.op("Gemm", name, source, *_weight_and_bias(graph, weights, name), transB=1))


def _model(graph: _Graph, logits: str, labels: int) -> onnx.ModelProto:
    graph.op("Identity", "logits", logits)
    proto = helper.make_graph(
        graph.nodes,
        "electra_classifier",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, labels])],
        graph.initializers,
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_FUSED, 1)]
    return helper.make_model(proto, opset_imports=opsets, producer_name="starcast", ir_version=10)

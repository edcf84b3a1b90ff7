"""Helpers to build ONNX graphs: constants, nodes, int8 products, and files that share their weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.external_data_helper import set_external_data

FloatArray = NDArray[np.float32]

FUSED: Final = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""

_OPSET: Final = 17
_INLINE_BYTES: Final = 1024
_ALIGNMENT: Final = 4096


class GraphBuilder:
    """Collects nodes and initializers of a graph. Each method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []

    def constant(self, name: str, array: NDArray[Any]) -> str:
        """A constant of the graph."""
        self.initializers.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def shared(self, name: str, value: Any) -> str:
        """A constant shared by many nodes."""
        if all(tensor.name != name for tensor in self.initializers):
            self.constant(name, value)
        return name

    def integers(self, *values: int) -> str:
        """An int64 constant [values]."""
        return self.shared("integers." + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def op(self, kind: str, name: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> Any:
        """Add a node; an empty input name leaves the input out. Returns the name of its result, or a list of names."""
        names = [name] if outputs == 1 else [f"{name}.{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def linear(self, name: str, source: str, weight: FloatArray) -> str:
        """``source @ weight.T`` with the weight [out, in] in int8 and each token of ``source`` [.., in] in int8."""
        values, scales = quantize_rows(weight)
        # Each token is divided by its own largest value, so that one fixed scale fits all.
        loudest = self.op("ReduceMax", f"{name}.loudest", self.op("Abs", f"{name}.abs", source), axes=[-1])
        loudest = self.op("Max", f"{name}.scale", loudest, self.shared("tiny", np.float32(1e-12)))
        even = self.op("Div", f"{name}.even", source, loudest)
        step, zero = self.shared("step", np.float32(1 / 127)), self.shared("zero_point", np.uint8(128))
        product = self.op(
            "MatMulIntegerToFloat", f"{name}.product",
            self.op("QuantizeLinear", f"{name}.int8", even, step, zero),
            self.constant(f"{name}.weight", values.T), step, self.constant(f"{name}.scales", scales),
            zero, self.constant(f"{name}.zeros", np.zeros(len(scales), dtype=np.int8)),
            domain=FUSED,
        )  # fmt: skip
        return str(self.op("Mul", name, product, loudest))

    def model(self, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """Return the finished graph. A result with the name of an output is that output."""
        proto = helper.make_graph(self.nodes, "electra_classifier", inputs, outputs, self.initializers)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(proto, opset_imports=opsets, producer_name="starcast", ir_version=10)


def quantize_rows(weight: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """Quantise [rows, columns] symmetrically into int8 values of the same shape, and a float scale per row."""
    scales = (np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127).astype(np.float32)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales


def save_sharing_weights(graphs: Sequence[tuple[onnx.ModelProto, Path]], data: Path) -> None:
    """Save graphs, and the weights of all of them in one file. Weights with the same name must be equal.

    The graphs are changed: their weights become references to that file.
    """
    places: dict[str, tuple[int, int]] = {}
    with data.open("wb") as file:
        for graph, path in graphs:
            for tensor in graph.graph.initializer:
                if len(tensor.raw_data) < _INLINE_BYTES:
                    continue
                if tensor.name not in places:
                    file.write(bytes(-file.tell() % _ALIGNMENT))
                    places[tensor.name] = (file.tell(), len(tensor.raw_data))
                    file.write(tensor.raw_data)
                offset, length = places[tensor.name]
                set_external_data(tensor, data.name, offset, length)
                tensor.ClearField("raw_data")
            onnx.save(graph, path)

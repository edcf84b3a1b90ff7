"""Forward passes of the same weights in several runtimes and precisions, for ``benchmarks.runtimes``."""

import importlib.util
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from safetensors.numpy import load_file
from torch import Tensor
from transformers import ElectraForSequenceClassification

from model_core.backends.attention import even_blocks, rate_at
from model_core.backends.onnx import open_session
from model_core.cache import FloatArray
from model_core.checkpoint import ONNX_FILE, WEIGHTS_FILE, CheckpointConfig, read_config
from training.onnx.builder import FUSED, GraphBuilder, quantize_rows
from training.onnx.graph import build_plain

Ids = NDArray[np.int64]
"""One text: [1, tokens]."""
Way = Callable[[Ids], FloatArray]
"""A forward pass: ids to logits [1, 8]."""

REFERENCE: Final = "PyTorch float32"
SERVED: Final = "ONNX Runtime int8, one scale a token"


class FloatGraph(GraphBuilder):
    """Matrix products in float32."""

    def linear(self, name: str, source: str, weight: FloatArray) -> str:
        """Return the name of ``source @ weight.T``."""
        return str(self.op("MatMul", name, source, self.constant(f"{name}.weight", weight.T)))


class TextScaleGraph(GraphBuilder):
    """Int8 matrix products as in ONNX Runtime's dynamic quantization: one scale for all tokens of a text."""

    def linear(self, name: str, source: str, weight: FloatArray) -> str:
        """Return the name of ``source @ weight.T``."""
        values, scales = quantize_rows(weight)
        return str(
            self.op(
                "DynamicQuantizeMatMul", name, source, self.constant(f"{name}.weight", values.T),
                self.constant(f"{name}.scales", scales),
                self.constant(f"{name}.zeros", np.zeros(len(scales), dtype=np.int8)),
                domain=FUSED,
            )
        )  # fmt: skip


class _Classifier(torch.nn.Module):
    """From ids [1, tokens] to logits [1, 8], with block-causal attention as served, for export."""

    def __init__(self, model: ElectraForSequenceClassification, config: CheckpointConfig) -> None:
        super().__init__()
        self.model = model
        self._block, self._read_tokens = config.block, config.read_tokens

    def forward(self, ids: Tensor) -> Tensor:
        tokens = ids.shape[1]
        blocks = even_blocks(torch.full((1,), tokens), tokens, self._block)
        reads = torch.arange(tokens - self._read_tokens, tokens)[None]
        return rate_at(self.model, ids, blocks, reads).mean(dim=1)


class _Calibration(CalibrationDataReader):
    """Yields calibration texts one by one."""

    def __init__(self, texts: Sequence[Ids]) -> None:
        self._texts = iter(texts)

    def get_next(self) -> dict[str, Ids] | None:
        """Return the next text, or None."""
        text = next(self._texts, None)
        return None if text is None else {"input_ids": text}


def make_ways(checkpoint: Path, threads: int, calibration: Sequence[Ids], folder: Path) -> dict[str, Way]:
    """Return all ways to run a block-causal checkpoint, with ``threads`` threads each; files go to ``folder``."""
    config, _ = read_config(checkpoint)
    torch.set_num_threads(threads)
    with _quiet():
        model = ElectraForSequenceClassification.from_pretrained(
            checkpoint, use_safetensors=True, local_files_only=True, dtype=torch.float32
        ).eval()
        classifier = _Classifier(model, config)
        return {
            **_onnx_ways(checkpoint, threads, calibration, folder),
            **_openvino_ways(classifier, threads, calibration),
            **_torch_ways(classifier),
        }


def onnx_way(path: Path, threads: int) -> Way:
    """Return a graph in its own session."""
    session = open_session(path, threads)
    return lambda ids: np.asarray(session.run(["logits"], {"input_ids": ids})[0])


def _onnx_ways(checkpoint: Path, threads: int, calibration: Sequence[Ids], folder: Path) -> dict[str, Way]:
    config, architecture = read_config(checkpoint)
    weights = {name: tensor.astype(np.float32) for name, tensor in load_file(checkpoint / WEIGHTS_FILE).items()}

    def build(name: str, graph: GraphBuilder) -> Path:
        path = folder / f"{name}.onnx"
        onnx.save(build_plain(weights, architecture, config.block, config.read_tokens, graph), path)
        return path

    float32 = build("float32", FloatGraph())
    quantize_static(
        float32, folder / "static.onnx", _Calibration(calibration), op_types_to_quantize=["MatMul"], per_channel=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip
    return {
        SERVED: onnx_way(checkpoint / ONNX_FILE, threads),
        "ONNX Runtime int8, one scale a text": onnx_way(build("text-scale", TextScaleGraph()), threads),
        "ONNX Runtime int8, static scales": onnx_way(folder / "static.onnx", threads),
        "ONNX Runtime float32": onnx_way(float32, threads),
    }


def _openvino_ways(classifier: _Classifier, threads: int, calibration: Sequence[Ids]) -> dict[str, Way]:
    # Turns off telemetry.
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    import openvino

    longest = classifier.model.config.max_position_embeddings
    tokens = torch.export.Dim("tokens", min=8, max=longest)
    exported = torch.export.export(classifier, (torch.ones(1, 16, dtype=torch.int64),), dynamic_shapes=({1: tokens},))
    graph = openvino.convert_model(exported)
    core = openvino.Core()

    def way(model: Any, precision: str) -> Way:
        hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        request = core.compile_model(model, "CPU", hints).create_infer_request()
        return lambda ids: np.array(request.infer([ids])[0])

    ways = {"OpenVINO bfloat16": way(graph, "bf16"), "OpenVINO float32": way(graph, "f32")}
    if importlib.util.find_spec("nncf"):
        import nncf

        int8 = nncf.quantize(graph, nncf.Dataset(calibration), model_type=nncf.ModelType.TRANSFORMER)
        ways = {"OpenVINO int8": way(int8, "f32"), **ways}
    return ways


def _torch_ways(classifier: _Classifier) -> dict[str, Way]:
    @torch.inference_mode()
    def float32(ids: Ids) -> FloatArray:
        return np.asarray(classifier(torch.from_numpy(ids)).numpy())

    def bfloat16(ids: Ids) -> FloatArray:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            return np.asarray(classifier(torch.from_numpy(ids)).float().numpy())

    return {"PyTorch bfloat16": bfloat16, REFERENCE: float32}


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the converters' warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

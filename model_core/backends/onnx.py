"""The int8 ONNX graph in ONNX Runtime: what CPU serving runs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from model_core.classifier import FloatArray
from model_core.errors import CheckpointError, one_line
from model_core.labels import NUM_LABELS


class OnnxBackend:
    """One ONNX Runtime session with ``threads`` threads."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # A spinning thread takes the core that the event loop needs, and a page that nobody types in must cost nothing.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's errors share no base of their own.
            raise CheckpointError(f"ONNX Runtime cannot load {path}: {one_line(error)}") from error
        if [output.shape[-1] for output in self._session.get_outputs()] != [NUM_LABELS]:
            raise CheckpointError(f"{path} does not answer with {NUM_LABELS} logits: export it again")

    def logits(self, input_ids: Sequence[tuple[int, ...]]) -> FloatArray:
        """Return logits [texts, 8].

        Texts run one by one: dynamic int8 takes one activation scale from its whole input, so that in a batch a
        text's numbers would depend on its neighbours.
        """
        run = self._session.run
        rows = [run(None, {"input_ids": np.array([ids], dtype=np.int64)})[0] for ids in input_ids]
        return np.concatenate(rows)

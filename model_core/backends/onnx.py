"""The int8 ONNX graph of whole texts in ONNX Runtime, for CPUs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime

from model_core.cache import Caches, EncoderCache, FloatArray
from model_core.classifier import Variants
from model_core.errors import CheckpointError, one_line
from model_core.labels import FILM_RATINGS

_INT8_PRODUCTS: Final = {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp"}
"""Linux's names of these instructions, the last one on Arm."""


def session_options(threads: int) -> onnxruntime.SessionOptions:
    """Options under which a graph gives the same numbers on every x86 processor."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Spinning threads would take a core from the event loop, even when the model is idle.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not has_int8_products():
        # Products of uint8 and int8 would saturate in 16 bits: a probability was off by up to 0.03. ONNX Runtime then
        # computes uint8 x uint8 instead, which is exact and costs a tenth. With AMX it would do so too, for twice the
        # time and the same numbers.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def has_int8_products() -> bool:
    """Whether the processor has instructions for products of int8, as far as the system says."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return not _INT8_PRODUCTS.isdisjoint(words)


def open_session(path: Path, threads: int, labels: int = len(FILM_RATINGS)) -> onnxruntime.InferenceSession:
    """Load a graph whose first output is the logits of this number of labels. Raises CheckpointError."""
    try:
        session = onnxruntime.InferenceSession(path, session_options(threads), providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's exceptions have no common base class.
        raise CheckpointError(f"ONNX Runtime cannot load {path}: {one_line(error)}") from error
    if session.get_outputs()[0].shape[-1] != labels:
        raise CheckpointError(f"{path} does not answer with {labels} logits: export it again")
    return session


class OnnxBackend:
    """The graph of whole texts in one ONNX Runtime session with ``threads`` threads."""

    def __init__(self, path: Path, threads: int, labels: int = len(FILM_RATINGS)) -> None:
        self._session = open_session(path, threads, labels)

    def logits(self, input_ids: Sequence[tuple[int, ...]], caches: Caches = None) -> FloatArray:
        """Return logits [texts, labels]. Ignores caches: full attention cannot reuse them."""
        run = self._session.run
        rows = [run(None, {"input_ids": np.array([ids], dtype=np.int64)})[0] for ids in input_ids]
        return np.concatenate(rows)

    def advance(self, input_ids: Sequence[tuple[int, ...]], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        """Leave all to ``logits``."""
        return [0] * len(input_ids)

    def advance_variants(self, variants: Variants, tokens: int) -> bool:
        """Leave all to ``logits``."""
        return False

    def cached(self, input_ids: tuple[int, ...], cache: EncoderCache) -> int:
        """Return 0: every text is encoded whole."""
        return 0

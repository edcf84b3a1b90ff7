"""Export a fine-tuned checkpoint for serving: float16 safetensors (the source) and int8 ONNX.

``python -m training.export RUN/checkpoint --output model_core/checkpoints/NAME``
"""

import argparse
import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from model_core.checkpoint import (
    ONNX_CACHED_FILE,
    ONNX_DATA_FILE,
    ONNX_FILE,
    ONNX_STEPS_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    read_config,
    sha256_of,
    write_config,
)
from model_core.errors import CheckpointError, one_line
from training.golden import write_golden
from training.onnx.builder import save_sharing_weights
from training.onnx.graph import build_cached, build_plain, build_steps


def export(source: Path, output: Path) -> None:
    """Write weights, graph, tokenizer, config with their digests, and golden answers to ``output``.

    The graph is built from the rounded float16 weights, so that it matches the exported safetensors exactly.
    Raises CheckpointError, or ValueError for an architecture that the graph does not cover.
    """
    config, architecture = read_config(source)
    output.mkdir(parents=True, exist_ok=True)
    half = {name: tensor.astype(np.float16) for name, tensor in _read_weights(source).items()}
    weights = {name: tensor.astype(np.float32) for name, tensor in half.items()}
    block = config.block if config.attention == "block-causal" else None
    graphs = [(build_plain(weights, architecture, block, config.read_tokens), output / ONNX_FILE)]
    if block is not None:
        graphs.append((build_cached(weights, architecture, block), output / ONNX_CACHED_FILE))
        graphs.append((build_steps(weights, architecture, block), output / ONNX_STEPS_FILE))
    save_file(half, output / WEIGHTS_FILE, metadata={"format": "pt"})
    save_sharing_weights(graphs, output / ONNX_DATA_FILE)
    if source.resolve() != output.resolve():
        shutil.copyfile(source / TOKENIZER_FILE, output / TOKENIZER_FILE)
    files = (WEIGHTS_FILE, ONNX_DATA_FILE, TOKENIZER_FILE, *(path.name for _, path in graphs))
    digests = {name: sha256_of(output / name) for name in files}
    architecture = {**architecture, "dtype": "float16"}
    write_config(output, dataclasses.replace(config, sha256=digests), architecture)
    write_golden(output)


def _read_weights(source: Path) -> dict[str, NDArray[Any]]:
    try:
        return dict(load_file(source / WEIGHTS_FILE))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {source / WEIGHTS_FILE}: {one_line(error)}") from error


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder written by training.finetune")
    parser.add_argument("--output", type=Path, help="folder to write (default: the checkpoint's own)")
    options = parser.parse_args(argv)
    output = options.output or options.checkpoint
    try:
        export(options.checkpoint, output)
    except (CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps({file.name: file.stat().st_size for file in sorted(output.iterdir())}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

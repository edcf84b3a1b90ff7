"""Average the weights of several checkpoints into one, such as runs from the same start with different seeds.

``python -m training.average RUN1/checkpoint RUN2/checkpoint --output runs/soup`` (Wortsman et al. 2022, "Model soups:
averaging weights of multiple fine-tuned models improves accuracy without increasing inference time"). It can help if
the runs began from the same weights; check it on validation.
"""

import argparse
import dataclasses
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from model_core.checkpoint import TOKENIZER_FILE, WEIGHTS_FILE, read_config, sha256_of, write_config
from model_core.errors import CheckpointError, one_line


def average(checkpoints: Sequence[Path], output: Path) -> None:
    """Write the mean of the weights in float32, with config and tokenizer of the first. Raises CheckpointError."""
    first, *others = checkpoints
    config, architecture = read_config(first)
    tensors = _load(first)
    total = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    for folder in others:
        other = _load(folder)
        if {name: tensor.shape for name, tensor in other.items()} != {name: t.shape for name, t in total.items()}:
            raise CheckpointError(f"{folder} has other weights than {first}: the models must be alike")
        also, _ = read_config(folder)
        if (also.attention, also.labels) != (config.attention, config.labels):
            raise CheckpointError(f"{folder} has other attention or labels than {first}: the models must be alike")
        if sha256_of(folder / TOKENIZER_FILE) != sha256_of(first / TOKENIZER_FILE):
            raise CheckpointError(f"{folder} has another tokenizer than {first}: the models must be alike")
        for name, tensor in other.items():
            total[name] += tensor
    output.mkdir(parents=True, exist_ok=True)
    mean = {name: (tensor / len(checkpoints)).astype(np.float32) for name, tensor in total.items()}
    save_file(mean, output / WEIGHTS_FILE, metadata={"format": "pt"})
    if first.resolve() != output.resolve():
        shutil.copyfile(first / TOKENIZER_FILE, output / TOKENIZER_FILE)
    # A temperature fitted to one model does not fit the mean.
    fresh = dataclasses.replace(config, temperature=((1, 1.0),), sha256={})
    write_config(output, fresh, {**architecture, "dtype": "float32"})


def _load(folder: Path) -> dict[str, np.ndarray]:
    try:
        return dict(load_file(folder / WEIGHTS_FILE))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read {folder / WEIGHTS_FILE}: {one_line(error)}") from error


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.average", description=__doc__)
    parser.add_argument("checkpoints", type=Path, nargs="+", help="folders written by training.finetune")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    options = parser.parse_args(argv)
    try:
        average(options.checkpoints, options.output)
    except CheckpointError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

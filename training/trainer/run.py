"""The folder of a training run: its description (``run.json``), and the state to resume from."""

import dataclasses
import json
import math
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.config import ConfigError

_INDEX = "state.json"


def describe_run(program: str, config: Any, **data: object) -> dict[str, Any]:
    """Return options, command, commit and versions; ``data`` describes the training data."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "config": dataclasses.asdict(config),
        "command": shlex.join(["python", "-m", program, *sys.argv[1:]]),
        "commit": commit or None,
        **data,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }


def begin_run(run: Path, described: Mapping[str, Any], free_to_change: tuple[str, ...]) -> None:
    """Write ``run.json``. Raises ConfigError if the folder has the state of a different run.

    Options in ``free_to_change`` may differ.
    """
    path = run / "run.json"
    if path.exists() and (run / "state").exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        # An option that the run does not know yet is no change: an unfinished run goes on with newer code.
        changed = [name for name, value in described["config"].items() if before["config"].get(name, value) != value]
        changed = [name for name in changed if name not in free_to_change]
        if before["train"] != described["train"]:
            changed.append("data")
        if changed:
            raise ConfigError(f"{run} has a run with another {', '.join(changed)}: choose another --run, or remove it")
    run.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def open_log(run: Path, step: int) -> TextIO:
    """Open ``log.jsonl`` to append after ``step``. Later lines, from a killed run, are removed."""
    path = run / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    kept = [line for line in lines if _step_of(line) <= step]
    path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    return path.open("a", encoding="utf-8")


def _step_of(line: str) -> float:
    """Return the step of a line of the log; infinity for an incomplete line of a killed run."""
    try:
        return int(json.loads(line)["step"])
    except ValueError:
        return math.inf


def state_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return trained weights and moments by name. A weight shared by several modules occurs once."""
    tensors = {
        f"model.{name}": parameter.detach() for name, parameter in model.named_parameters() if parameter.requires_grad
    }
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": tensor for name, tensor in moments.items()}
    return tensors


@torch.no_grad()
def restore(model: torch.nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the tensors from ``state_tensors``."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            parameter.copy_(tensors[f"model.{name}"])
    state = optimizer.state_dict()
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".")
            state["state"].setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict(state)


def save_pieces(folder: Path, tensors: Mapping[str, Tensor], progress: object, piece_bytes: int) -> None:
    """Write tensors as files of at most ``piece_bytes`` (0: one file) and an index that names them.

    The index is replaced last and atomically, so that a run killed while saving keeps its older state.
    """
    folder.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in folder.glob("*.safetensors")}
    # Files of the current index are never overwritten.
    turn = "b" if any(name.startswith("a-") for name in _listed(folder)) else "a"
    names = []
    for number, piece in enumerate(_pieces(tensors, piece_bytes), start=1):
        names.append(f"{turn}-{number:03}.safetensors")
        save_file(piece, folder / names[-1])
        _to_disk(folder / names[-1])
    partial = folder / f"{_INDEX}.part"
    partial.write_text(json.dumps({"files": names, "progress": progress}, indent=2) + "\n", encoding="utf-8")
    _to_disk(partial)
    partial.replace(folder / _INDEX)
    for name in before - set(names):
        (folder / name).unlink()


def _to_disk(path: Path) -> None:
    """Flush a file to the disk: after a crash of the machine, the index must not name missing files."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def load_pieces(folder: Path) -> tuple[dict[str, Tensor], Any] | None:
    """Return the tensors and the progress written by ``save_pieces``; None if there are none."""
    if not (folder / _INDEX).exists():
        return None
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    tensors: dict[str, Tensor] = {}
    for name in index["files"]:
        tensors |= load_file(folder / name)
    return tensors, index["progress"]


def _listed(folder: Path) -> list[str]:
    path = folder / _INDEX
    return list(json.loads(path.read_text(encoding="utf-8"))["files"]) if path.exists() else []


def _pieces(tensors: Mapping[str, Tensor], piece_bytes: int) -> list[dict[str, Tensor]]:
    pieces: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if piece_bytes and pieces[-1] and size + tensor.nbytes > piece_bytes:
            pieces.append({})
            size = 0
        pieces[-1][name] = tensor
        size += tensor.nbytes
    return pieces

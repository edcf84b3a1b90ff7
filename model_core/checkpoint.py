"""Checkpoint folders: Hugging Face files with a ``starcast`` entry in ``config.json``.

The entry may be missing in checkpoints from elsewhere; defaults apply. Values are validated on loading.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from model_core.errors import CheckpointError
from model_core.labels import ID2LABEL, NUM_LABELS
from model_core.states import DEFAULT_STATES, StateThresholds
from model_core.text import TEXT_VERSIONS

CONFIG_FILE: Final = "config.json"
TOKENIZER_FILE: Final = "tokenizer.json"
WEIGHTS_FILE: Final = "model.safetensors"
ONNX_FILE: Final = "model.int8.onnx"
ONNX_CACHED_FILE: Final = "model.int8.cached.onnx"
ONNX_DATA_FILE: Final = "model.int8.data"
"""The weights of the ONNX graphs, stored outside of the graph files."""
GOLDEN_FILE: Final = "golden.json"

Attention = Literal["full", "block-causal"]

ENGLISH: Final = "en"

DEFAULT_HEAD_SHARE: Final = 0.25
"""Default: a quarter from the head, the rest from the tail (Sun et al. 2019)."""


@dataclass(frozen=True)
class CheckpointConfig:
    """What serving needs to know about a checkpoint besides the architecture."""

    name: str
    version: str
    max_tokens: int
    head_share: float
    """Share of the tokens that a truncated text keeps from its head; the rest come from its tail."""
    prior: tuple[float, ...]
    """Class frequencies of the training data, the answer to an empty text."""
    attention: Attention = "full"
    """``full``: every token attends to all, and the rating is read at [CLS]. ``block-causal``: a token attends to its
    own block and earlier ones, and the rating is read at the last tokens; finished blocks can be cached.
    """
    block: int = 16
    """Tokens per block (block-causal)."""
    read_tokens: int = 1
    """The rating is the mean of the logits at the last ``read_tokens`` tokens (block-causal). The tokens of a block see
    all of it, so the mean is as current as the last token, often half a word, and more stable.
    """
    tail_step: int = 1
    """The tail of a truncated text starts at a multiple of this many tokens, so that it rarely moves while typing."""
    temperature: tuple[tuple[int, float], ...] = ((1, 1.0),)
    """Pairs of length in tokens and temperature there, with ascending lengths (see ``temperature_at``)."""
    text: int = 1
    """Version of the cleaning of texts, see ``model_core.text``."""
    language: str = ENGLISH
    """Language of the texts that the model can read (ISO 639-1). Legibility is computed only for English."""
    states: StateThresholds = DEFAULT_STATES
    """Thresholds between the states of a prediction."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Hex digest of each other file of the folder, verified before loading."""

    def __post_init__(self) -> None:
        if len(self.prior) != NUM_LABELS or not math.isclose(sum(self.prior), 1.0, abs_tol=1e-3):
            raise CheckpointError(f"the prior needs {NUM_LABELS} probabilities that sum to 1, not {self.prior}")
        if not 3 <= self.max_tokens <= 4096 or not 0 <= self.head_share <= 1:
            raise CheckpointError("max_tokens or head_share of config.json is out of range")
        if self.attention not in get_args(Attention):
            raise CheckpointError(f"attention must be one of {', '.join(get_args(Attention))}, not {self.attention!r}")
        if not 1 <= self.block <= self.max_tokens or not 1 <= self.tail_step <= self.max_tokens // 2:
            raise CheckpointError("block or tail_step of config.json is out of range")
        if not 1 <= self.read_tokens <= self.max_tokens:
            raise CheckpointError("read_tokens of config.json is out of range")
        if self.text not in TEXT_VERSIONS:
            raise CheckpointError(f"text of config.json must be one of {TEXT_VERSIONS}, not {self.text!r}")
        lengths = [tokens for tokens, _ in self.temperature]
        if not lengths or lengths != sorted(set(lengths)) or lengths[0] < 1:
            raise CheckpointError("the temperature needs pairs of tokens and value, tokens ascending from 1 or more")
        if not all(value > 0 for _, value in self.temperature):
            raise CheckpointError("a temperature must be above 0")

    def temperature_at(self, tokens: int) -> float:
        """Return the temperature for a text of ``tokens`` tokens (Guo et al. 2017), linear in log(tokens).

        The model is overconfident on short texts, and steps between temperatures would make the bars jump.
        """
        lengths = [math.log(length) for length, _ in self.temperature]
        return float(np.interp(math.log(max(tokens, 1)), lengths, [value for _, value in self.temperature]))


def read_config(folder: Path) -> tuple[CheckpointConfig, dict[str, Any]]:
    """Read ``config.json``; return the Starcast part and the whole. Raises CheckpointError."""
    try:
        raw = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"no checkpoint in {folder}: {CONFIG_FILE} is missing") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {folder / CONFIG_FILE}: {error}") from error
    try:
        labels = {int(index): str(label) for index, label in raw.get("id2label", {}).items()}
        starcast = dict(raw.get("starcast", {}))
    except (AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / CONFIG_FILE} is not the config of a classifier: {error}") from error
    # LABEL_0, LABEL_1, … are Hugging Face's default names: eight of them are taken for our eight.
    if labels not in (ID2LABEL, {index: f"LABEL_{index}" for index in ID2LABEL}):
        raise CheckpointError(
            f"{folder} has {len(labels) or 'no'} labels {list(labels.values())}, where the {NUM_LABELS} ratings "
            f"{list(ID2LABEL.values())} are needed: fine-tune it by python -m training.finetune --init {folder}"
        )
    positions = raw.get("max_position_embeddings", 512)
    part = {
        "name": folder.resolve().name,
        "version": "0",
        "max_tokens": positions,
        "head_share": DEFAULT_HEAD_SHARE,
        "prior": [1 / NUM_LABELS] * NUM_LABELS,
        **starcast,
    }
    try:
        temperature = tuple((int(tokens), float(value)) for tokens, value in part.get("temperature", ((1, 1.0),)))
        states = StateThresholds(**part.get("states", {}))
        config = CheckpointConfig(
            **{**part, "prior": tuple(part["prior"]), "temperature": temperature, "states": states}
        )
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the 'starcast' entry of {folder / CONFIG_FILE} is not valid: {error}") from error
    if config.max_tokens > positions:
        raise CheckpointError(
            f"max_tokens of {folder / CONFIG_FILE} is {config.max_tokens}, where the model has {positions} positions"
        )
    return config, raw


def write_config(folder: Path, config: CheckpointConfig, architecture: Mapping[str, Any]) -> None:
    """Write ``config.json``: the Hugging Face architecture with the Starcast entry."""
    content = {**architecture, "starcast": asdict(config)}
    (folder / CONFIG_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def verify_file(folder: Path, name: str, config: CheckpointConfig) -> Path:
    """Return the path of a file after checking its digest. Raises CheckpointError.

    A checkpoint of training.finetune or Hugging Face has no digests. An export has one for each file.
    """
    path = folder / name
    exported = name in (ONNX_FILE, ONNX_CACHED_FILE, ONNX_DATA_FILE)
    if not path.is_file():
        cure = f"create it with python -m training.export {folder}" if exported else "fetch the whole checkpoint"
        raise CheckpointError(f"{path} is missing: {cure}")
    expected = config.sha256.get(name)
    if expected is None and (exported or config.sha256):
        raise CheckpointError(f"{path} has no SHA-256 in config.json: fetch the whole checkpoint, or export it again")
    if expected is not None and expected != sha256_of(path):
        raise CheckpointError(f"{path} is not the file its config.json names (SHA-256 differs): fetch it again")
    return path


def sha256_of(path: Path) -> str:
    """Return the hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

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

from model_core.errors import CheckpointError, one_line
from model_core.labels import FILM_RATINGS, LabelSet
from model_core.states import DEFAULT_STATES, StateThresholds
from model_core.text import TEXT_VERSIONS

CONFIG_FILE: Final = "config.json"
TOKENIZER_FILE: Final = "tokenizer.json"
WEIGHTS_FILE: Final = "model.safetensors"
ONNX_FILE: Final = "model.int8.onnx"
ONNX_CACHED_FILE: Final = "model.int8.cached.onnx"
ONNX_STEPS_FILE: Final = "model.int8.steps.onnx"
ONNX_DATA_FILE: Final = "model.int8.data"
"""The weights of the ONNX graphs, stored outside of the graph files."""
GOLDEN_FILE: Final = "golden.json"

Attention = Literal["full", "block-causal"]

ENGLISH: Final = "en"

DEFAULT_HEAD_SHARE: Final = 0.25
"""Default: a quarter from the head, the rest from the tail (Sun et al. 2019)."""

# LABEL_0, LABEL_1, … are Hugging Face's default names: eight of them are taken for our eight.
_FILM_NAMES: Final = (FILM_RATINGS.id2label, {index: f"LABEL_{index}" for index in FILM_RATINGS.id2label})


@dataclass(frozen=True)
class Page:
    """What a page for this model says."""

    title: str
    placeholder: str = ""
    """What the empty text field says."""
    examples: tuple[str, ...] = ()
    """Texts to try."""
    language: str = ENGLISH
    """Language of these words (ISO 639-1)."""


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
    labels: LabelSet = FILM_RATINGS
    """Their names are ``id2label`` of ``config.json``; ``task`` and ``values`` are in the ``starcast`` entry."""
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
    page: Page | None = None
    """What a page for this model says; None for the film page."""
    warning: str = ""
    """Why this model should not be served without a second thought; empty if nothing is known."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Hex digest of each other file of the folder, verified before loading."""

    def __post_init__(self) -> None:
        if len(self.prior) != len(self.labels) or not math.isclose(sum(self.prior), 1.0, abs_tol=1e-3):
            raise CheckpointError(f"the prior needs {len(self.labels)} probabilities that sum to 1, not {self.prior}")
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


def read_config(folder: Path, films_only: bool = False) -> tuple[CheckpointConfig, dict[str, Any]]:
    """Read ``config.json``; return the Starcast part and the whole. Raises CheckpointError.

    ``films_only``: labels that are no film ratings are refused.
    """
    try:
        raw = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"no checkpoint in {folder}: {CONFIG_FILE} is missing") from error
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {folder / CONFIG_FILE}: {error}") from error
    try:
        names = {int(index): str(label) for index, label in raw.get("id2label", {}).items()}
        starcast = dict(raw.get("starcast", {}))
    except (AttributeError, TypeError, ValueError) as error:
        raise CheckpointError(f"{folder / CONFIG_FILE} is not the config of a classifier: {error}") from error
    films = names in _FILM_NAMES and starcast.get("task", FILM_RATINGS.task) == FILM_RATINGS.task
    if films_only and not films:
        raise CheckpointError(
            f"{folder} has the labels {list(names.values())}, where the {len(FILM_RATINGS)} ratings "
            f"{list(FILM_RATINGS.names)} are needed: fine-tune it by python -m training.finetune --init {folder}"
        )
    positions = raw.get("max_position_embeddings", 512)
    try:
        labels = _labels_of(names, starcast.pop("task", None), starcast.pop("values", None))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"the labels of {folder / CONFIG_FILE} are not valid: {error}") from error
    part = {
        "name": folder.resolve().name,
        "version": "0",
        "max_tokens": positions,
        "head_share": DEFAULT_HEAD_SHARE,
        "prior": [1 / len(labels)] * len(labels),
        **starcast,
    }
    try:
        temperature = tuple((int(tokens), float(value)) for tokens, value in part.get("temperature", ((1, 1.0),)))
        states = StateThresholds(**part.get("states", {}))
        page = Page(**{**said, "examples": tuple(said.get("examples", ()))}) if (said := part.get("page")) else None
        read = {"prior": tuple(part["prior"]), "temperature": temperature, "states": states, "page": page}
        config = CheckpointConfig(**{**part, **read, "labels": labels})
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"the 'starcast' entry of {folder / CONFIG_FILE} is not valid: {one_line(error)}"
        ) from error
    if config.max_tokens > positions:
        raise CheckpointError(
            f"max_tokens of {folder / CONFIG_FILE} is {config.max_tokens}, where the model has {positions} positions"
        )
    return config, raw


def _labels_of(names: Mapping[int, str], task: Any, values: Any) -> LabelSet:
    """Return the labels of a ``config.json``. Raises TypeError, ValueError."""
    if names in _FILM_NAMES and task in (None, FILM_RATINGS.task):
        return FILM_RATINGS
    if sorted(names) != list(range(len(names))):
        raise ValueError(f"id2label must name the classes from 0 on, not {sorted(names)}")
    in_order = tuple(names[index] for index in range(len(names)))
    return LabelSet(in_order, task or "nominal", None if values is None else tuple(values))


def write_config(folder: Path, config: CheckpointConfig, architecture: Mapping[str, Any]) -> None:
    """Write ``config.json``: the Hugging Face architecture with the names of the labels and the Starcast entry."""
    labels = config.labels
    names = {"id2label": {str(index): name for index, name in labels.id2label.items()}, "label2id": labels.label2id}
    entry = asdict(config)
    del entry["labels"]
    entry |= {"task": labels.task, "values": labels.values}
    left_out = [name for name in ("page", "values", "warning") if not entry[name]]
    starcast = {name: value for name, value in entry.items() if name not in left_out}
    content = {**architecture, **names, "starcast": starcast}
    (folder / CONFIG_FILE).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def verify_file(folder: Path, name: str, config: CheckpointConfig) -> Path:
    """Return the path of a file after checking its digest. Raises CheckpointError.

    A checkpoint of training.finetune or Hugging Face has no digests. An export has one for each file.
    """
    path = folder / name
    exported = name in (ONNX_FILE, ONNX_CACHED_FILE, ONNX_STEPS_FILE, ONNX_DATA_FILE)
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

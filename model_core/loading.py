"""Loads a checkpoint folder as a classifier. Every failure is a one-line CheckpointError."""

from pathlib import Path
from typing import Final

from model_core.checkpoint import (
    CONFIG_FILE,
    ONNX_CACHED_FILE,
    ONNX_DATA_FILE,
    ONNX_FILE,
    ONNX_STEPS_FILE,
    TOKENIZER_FILE,
    WEIGHTS_FILE,
    CheckpointConfig,
    read_config,
    sha256_of,
    verify_file,
)
from model_core.classifier import Backend, ModelInfo, ServedClassifier, TextClassifier
from model_core.errors import CheckpointError, one_line
from model_core.fake import FAKE_INFO, FakeClassifier, fake_info
from model_core.tokenizer import TextTokenizer

BACKENDS: Final = ("onnx", "torch", "fake")
DEFAULT_CACHE_BYTES: Final = 512 * 2**20
"""Enough for about fifty typists of texts of maximum length, or several hundred of sixty words."""

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")


def load_classifier(
    folder: Path,
    backend: str = "onnx",
    threads: int = 2,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    films_only: bool = False,
) -> ServedClassifier:
    """Load a checkpoint with one of ``BACKENDS``, and run one text through it. Raises CheckpointError.

    ``cache_bytes`` limits the caches of all typists together (block-causal checkpoints). ``films_only``: labels that
    are no film ratings are refused. The fake backend reads of the folder only its config, and does without one.
    """
    if backend not in BACKENDS:
        raise CheckpointError(f"there is no backend {backend!r}; there are {', '.join(BACKENDS)}")
    if backend == "fake":
        return FakeClassifier(_fake_info(folder))
    config = read_folder(folder, films_only)
    tokenizer = _load_tokenizer(folder, config)
    weights, forward = _load_backend(folder, config, backend, tokenizer.pad_id, threads, cache_bytes)
    info = ModelInfo(
        name=config.name,
        version=config.version,
        sha256=sha256_of(weights),
        backend=backend,
        max_tokens=config.max_tokens,
        prior=config.prior,
        states=config.states,
        labels=config.labels,
        language=config.language,
        page=config.page,
    )
    classifier = TextClassifier(info, tokenizer, forward, config.temperature_at)
    # Warm up: the first pass allocates memory.
    try:
        classifier.classify(["A film."])
    except Exception as error:  # Any exception, for example with a vocabulary larger than the embeddings.
        raise CheckpointError(f"{folder} cannot rate a text: {one_line(error)}") from error
    return classifier


def read_folder(folder: Path, films_only: bool = False) -> CheckpointConfig:
    """Return the config of a checkpoint after checking that its files exist. Raises CheckpointError."""
    _refuse_pickles(folder)
    return read_config(folder, films_only)[0]


def _fake_info(folder: Path) -> ModelInfo:
    if not (folder / CONFIG_FILE).is_file():
        return FAKE_INFO
    config, _ = read_config(folder)
    return fake_info(config.labels, config.page, config.language)


def _load_backend(
    folder: Path, config: CheckpointConfig, backend: str, pad_id: int, threads: int, cache_bytes: int
) -> tuple[Path, Backend]:
    """Return the verified file of weights and its backend."""
    # Backends are imported on demand: onnx must not need torch, nor torch ONNX.
    if backend == "onnx":
        weights = verify_file(folder, ONNX_DATA_FILE, config)
        if config.attention == "block-causal":
            from model_core.backends.onnx_cached import CachedOnnxBackend

            graph = verify_file(folder, ONNX_CACHED_FILE, config)
            # Checkpoints exported before there was one have the same numbers.
            steps = verify_file(folder, ONNX_STEPS_FILE, config) if ONNX_STEPS_FILE in config.sha256 else None
            return weights, CachedOnnxBackend(
                graph, config.block, config.read_tokens, threads, cache_bytes, len(config.labels), steps
            )
        from model_core.backends.onnx import OnnxBackend

        return weights, OnnxBackend(verify_file(folder, ONNX_FILE, config), threads, len(config.labels))
    weights = verify_file(folder, WEIGHTS_FILE, config)
    try:
        from model_core.backends.torch import TorchBackend
    except ModuleNotFoundError as error:
        raise CheckpointError(f"the torch backend needs {error.name}: install the extra 'torch'") from error
    return weights, TorchBackend(folder, config, pad_id, threads)


def _load_tokenizer(folder: Path, config: CheckpointConfig) -> TextTokenizer:
    path = verify_file(folder, TOKENIZER_FILE, config)
    try:
        return TextTokenizer.from_config(path, config)
    except Exception as error:  # The tokenizers library raises a bare Exception for a damaged file.
        raise CheckpointError(f"cannot load {path}: {one_line(error)}") from error


def _refuse_pickles(folder: Path) -> None:
    if not folder.is_dir():
        raise CheckpointError(f"no checkpoint folder {folder}: STARCAST_CHECKPOINT must name one")
    pickles = [file.name for pattern in _PICKLES for file in folder.glob(pattern)]
    if pickles and not (folder / WEIGHTS_FILE).exists() and not (folder / ONNX_FILE).exists():
        raise CheckpointError(
            f"{folder} holds only {pickles[0]}, a pickle, which can run code when it is loaded: "
            "convert it to safetensors"
        )

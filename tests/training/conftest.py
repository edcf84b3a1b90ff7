"""The tiny checkpoint and the tiny dataset, made once for all tests of training."""

from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from tests.factories import dataset_files, tiny_model, write_archive, write_checkpoint, write_hugging_face


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hugging Face reads its environment only when it is imported."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """The tiny models gain nothing from a second thread, and lose much where another program has the core."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def initial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder to start from. Not to be changed: copy it first."""
    return write_hugging_face(tmp_path_factory.mktemp("initial") / "tiny", tiny_model())


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dataset, packed like the official one."""
    return write_archive(tmp_path_factory.mktemp("data") / "aclImdb.tar.gz", dataset_files())


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What serving loads. Not to be changed: copy it first."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")

"""The tiny checkpoint, made once for all tests of the backends."""

from pathlib import Path

import pytest

from tests.factories import write_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What serving loads. Not to be changed: copy it first."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")

"""A tiny block-causal checkpoint, made once for all tests of the benchmarks."""

from pathlib import Path

import pytest

from tests.factories import write_tuned
from tests.tiny import tiny_config
from training.export import export


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What serving loads. Not to be changed: copy it first."""
    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    write_tuned(folder, config=tiny_config(attention="block-causal", block=4, tail_step=16))
    export(folder, folder)
    return folder

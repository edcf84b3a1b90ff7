"""The tiny checkpoint, made once for all tests of the model core."""

from pathlib import Path

import pytest

from model_core.tokenizer import TextTokenizer
from tests.factories import TINY_TOKENS, tiny_tokenizer, write_checkpoint


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What serving loads. Not to be changed: copy it first."""
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def tokenizer() -> TextTokenizer:
    return TextTokenizer(tiny_tokenizer(), max_tokens=TINY_TOKENS, head_share=0.25)

"""The tiny checkpoint and tokenizer, and engines that end with their test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model_core.engine import Engine
from model_core.fake import FakeClassifier
from model_core.options import EngineOptions
from model_core.tokenizer import TextTokenizer
from tests.model_core.engines import PATIENCE_S, HeldClassifier, MakeEngine
from tests.tiny import TINY_TOKENS, tiny_tokenizer


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, made once for all tests. Not to be changed: copy it first."""
    # PyTorch takes seconds to load, and most tests do without.
    from tests.factories import write_checkpoint

    checkpoint: Path = write_checkpoint(tmp_path_factory.mktemp("checkpoints") / "tiny")
    return checkpoint


@pytest.fixture
def tokenizer() -> TextTokenizer:
    return TextTokenizer(tiny_tokenizer(), max_tokens=TINY_TOKENS, head_share=0.25)


@pytest.fixture
async def held() -> AsyncIterator[HeldClassifier]:
    classifier = HeldClassifier()
    yield classifier
    classifier.open.set()


@pytest.fixture
async def make_engine() -> AsyncIterator[MakeEngine]:
    engines: list[Engine] = []

    def make(classifier: FakeClassifier | None = None, **options: int) -> Engine:
        engines.append(
            Engine(classifier or FakeClassifier(), EngineOptions(**{"deadline_ms": PATIENCE_S * 1000, **options}))
        )
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()

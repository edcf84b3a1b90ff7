"""Engines for tests: a model that waits until it is released, and waiting callers."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence

from model_core.cache import Caches, EncoderCache
from model_core.classifier import Input, Prediction
from model_core.engine import Engine
from model_core.ticket import Answer
from tests.classifiers import ControlledClassifier

PATIENCE_S = 60
"""Only a broken engine needs so long."""

MakeEngine = Callable[..., Engine]


class HeldClassifier(ControlledClassifier):
    """A fake whose gate is shut, and which tells when the model thread has come to it."""

    def __init__(self, fail_on: str | None = None) -> None:
        self.open = threading.Event()
        self._reached: queue.SimpleQueue[list[Input]] = queue.SimpleQueue()
        super().__init__(fail_on, gate=self.open)

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        self._reached.put(list(texts))
        return super().classify(texts, caches)

    async def reached(self) -> list[Input]:
        """Wait until the model thread takes up a batch."""
        return await asyncio.to_thread(self._reached.get, timeout=PATIENCE_S)


async def start(engine: Engine, *texts: str) -> list[asyncio.Task[Answer]]:
    """Ask for texts without waiting for the answers; on return all of them wait in the engine."""
    tasks = [asyncio.create_task(engine.classify(text)) for text in texts]
    for task in tasks:
        # A test may end without them. Their engine then closes, and a later test would log that nobody was told.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    await asyncio.sleep(0)
    return tasks


async def start_busy(engine: Engine, classifier: HeldClassifier) -> asyncio.Task[Answer]:
    """Occupy the model with a text."""
    [task] = await start(engine, "first")
    assert await classifier.reached() == ["first"]
    return task


async def outcomes(*tasks: asyncio.Task[Answer]) -> list[Answer | BaseException]:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*tasks, return_exceptions=True)


class RememberingClassifier(ControlledClassifier):
    """Notes the caches it is given and, like a real one, writes to them before it may fail."""

    def __init__(self, fail_on: str | None = None) -> None:
        super().__init__(fail_on)
        self.given: list[EncoderCache | None] = []

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        assert caches is not None
        self.given += caches
        for cache in caches:
            if cache is not None:
                cache.input_ids = (1, 2, 3)
        return super().classify(texts, caches)

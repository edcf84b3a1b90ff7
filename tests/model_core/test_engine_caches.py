"""The engine's caches between keys, and after a switch of the model."""

import asyncio
import dataclasses
import gc
import weakref

import pytest

from model_core.cache import EncoderCache
from model_core.engine import Engine
from model_core.errors import EngineError, Overloaded
from model_core.fake import FAKE_INFO, tokens_of
from model_core.ticket import Answer
from tests.model_core.engines import HeldClassifier, MakeEngine, RememberingClassifier, outcomes, start, start_busy


async def test_each_text_comes_with_the_cache_of_its_caller(make_engine: MakeEngine) -> None:
    classifier, cache = RememberingClassifier(), EncoderCache()
    engine = make_engine(classifier)
    await asyncio.gather(engine.classify("a", cache), engine.classify("b"))
    assert classifier.given[0] is cache
    assert classifier.given[1] is not cache
    assert cache.input_ids == (1, 2, 3)


async def test_after_a_failure_nothing_half_written_is_kept(make_engine: MakeEngine) -> None:
    cache = EncoderCache()
    with pytest.raises(EngineError):
        await make_engine(RememberingClassifier(fail_on="bad")).classify("bad", cache)
    assert cache.input_ids == ()


async def test_a_text_that_is_mostly_known_takes_less_of_the_bound(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, max_waiting_units=70)
    first = await start_busy(engine, held)
    known = EncoderCache()
    known.input_ids = tuple(tokens_of("x " * 45))
    waiting = await start(engine, "x " * 50)
    [refused] = await outcomes(asyncio.create_task(engine.classify("x " * 50)))
    assert isinstance(refused, Overloaded)
    taken = asyncio.create_task(engine.classify("x " * 50, known))
    await asyncio.sleep(0)
    held.open.set()
    assert all(isinstance(outcome, Answer) for outcome in await outcomes(first, *waiting, taken))


class Versioned(RememberingClassifier):
    """A fake of another version."""

    def __init__(self, version: str) -> None:
        super().__init__()
        self.info = dataclasses.replace(FAKE_INFO, version=version)


def kept(*caches: EncoderCache) -> list[int]:
    """How many tokens each of them holds."""
    return [len(cache.input_ids) for cache in caches]


async def test_waiting_texts_are_rated_by_the_new_model_and_the_current_batch_by_the_old(held: HeldClassifier) -> None:
    engine = Engine(held)
    first = await start_busy(engine, held)
    waiting = await start(engine, "a", "b")
    replacing = asyncio.create_task(engine.replace(Versioned("2")))
    await asyncio.sleep(0)
    assert engine.info.version == "2"
    assert not replacing.done(), "the old one is still at work"
    held.open.set()
    answers = await asyncio.gather(first, *waiting)
    await replacing
    assert [answer.model.version for answer in answers] == ["0", "2", "2"]
    assert held.batches == [["first"]]
    await engine.close()


async def test_what_one_model_kept_of_a_text_never_meets_the_next(make_engine: MakeEngine) -> None:
    idle, typing = EncoderCache(), EncoderCache()
    engine = make_engine(RememberingClassifier())
    await asyncio.gather(engine.classify("a", idle), engine.classify("b", typing))
    assert kept(idle, typing) == [3, 3]
    for version in ("2", "3"):
        await engine.replace(Versioned(version))
        assert kept(idle, typing) == [0, 0]
        await engine.classify("b", typing)
        assert kept(typing) == [3]


async def test_a_text_that_waited_through_one_replacement_is_known_to_the_next(held: HeldClassifier) -> None:
    engine, cache = Engine(held), EncoderCache()
    first = await start_busy(engine, held)
    waiting = asyncio.create_task(engine.classify("waits", cache))
    await asyncio.sleep(0)
    replacing = asyncio.create_task(engine.replace(Versioned("2")))
    await asyncio.sleep(0)
    held.open.set()
    await asyncio.gather(first, waiting, replacing)
    assert kept(cache) == [3]
    await engine.replace(Versioned("3"))
    assert kept(cache) == [0]
    await engine.close()


async def test_the_model_that_was_replaced_is_freed(make_engine: MakeEngine) -> None:
    before = RememberingClassifier()
    gone = weakref.ref(before)
    engine = make_engine(before)
    await engine.classify("a", EncoderCache())
    await engine.replace(Versioned("2"))
    del before
    gc.collect()
    assert gone() is None

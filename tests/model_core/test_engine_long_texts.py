"""Long texts are read in steps, between which keys go."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from model_core.cache import Caches, EncoderCache
from model_core.classifier import Input, Prediction, Variant, Variants
from model_core.errors import ModelUnavailable
from model_core.fake import FakeClassifier, tokens_of
from model_core.labels import NUM_LABELS
from model_core.ticket import Answer, Asker
from tests.model_core.engines import HeldClassifier, MakeEngine, outcomes, start, start_busy


class StepwiseFake(HeldClassifier):
    """Reads a text in steps for as long as it is asked to, notes them, and fails in one where it is told to.

    It reads at most ``most`` tokens in one step.
    """

    def __init__(self, fails: bool = False, most: int = 1000) -> None:
        super().__init__()
        self._most = most
        self._fails = fails
        self.read: list[str] = []
        self.open.set()

    def advance(self, texts: Sequence[Input], caches: Sequence[EncoderCache], tokens: int) -> list[int]:
        self.read.append(f"{tokens} of {' and '.join(str(text)[0] for text in texts)}")
        if self._fails:
            raise RuntimeError("the fake classifier was told to fail in a step")
        self._reached.put(list(texts))
        assert self.gate is not None
        self.gate.wait()
        for text in texts:
            if isinstance(text, Variants):
                text.logits[text.left[0]] = np.zeros(NUM_LABELS, dtype=np.float32)
        return [min(tokens, self._most)] * len(texts)

    def classify(self, texts: Sequence[Input], caches: Caches = None) -> list[Prediction]:
        self.read += [f"rating of {str(text)[0]}" for text in texts]
        return super().classify(texts, caches)


async def test_a_key_goes_between_the_steps_of_variants_and_waits_for_no_other_background_work(
    make_engine: MakeEngine,
) -> None:
    stepwise = StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise)
    variants = Variants([Variant((number,) * 100, 0) for number in range(4)], EncoderCache())
    task = asyncio.create_task(engine.classify(variants, background=True))
    await stepwise.reached()
    [key] = await start(engine, "key")
    stepwise.open.set()
    await outcomes(task, key)
    # However many tokens were expected, no step reads all that is left: each of these reads one of the four.
    assert stepwise.read[:6] == ["64 of V", "rating of k", *["16 of V"] * 3, "rating of V"]
    assert variants.predictions == FakeClassifier().classify([variant.input_ids for variant in variants.texts])


async def test_another_model_does_not_go_on_with_variants_that_were_begun(make_engine: MakeEngine) -> None:
    stepwise, other = StepwiseFake(), StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise)
    variants = Variants([Variant((number,) * 100, 0) for number in range(4)], EncoderCache())
    task = asyncio.create_task(engine.classify(variants, background=True))
    await stepwise.reached()
    replaced = asyncio.create_task(engine.replace(other))
    await asyncio.sleep(0)
    stepwise.open.set()
    await replaced
    [outcome] = await outcomes(task)
    assert isinstance(outcome, ModelUnavailable)
    assert len(variants.logits) == 1
    assert other.read == []


async def test_long_texts_in_the_background_are_read_side_by_side_until_somebody_types(make_engine: MakeEngine) -> None:
    stepwise = StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise)
    long = [asyncio.create_task(engine.classify(f"{name} " + "word " * 300, background=True)) for name in "abc"]
    await stepwise.reached()
    [key] = await start(engine, "key")
    stepwise.open.set()
    answers = await outcomes(*long, key)
    assert stepwise.read[:4] == ["128 of a and b and c", "rating of k", "16 of a", "16 of a"]
    assert all(isinstance(answer, Answer) for answer in answers)


async def test_those_who_typed_once_do_not_keep_long_texts_of_one_group_apart(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("model_core.scheduling.scheduler._TYPING_S", -1.0)
    stepwise = StepwiseFake()
    engine = make_engine(stepwise)
    await outcomes(*(asyncio.create_task(engine.classify(f"{name} key", asker=Asker(name))) for name in "ab"))
    texts = [f"{name} " + "word " * 300 for name in "cd"]
    await outcomes(
        *(asyncio.create_task(engine.classify(text, asker=Asker("bulk"), background=True)) for text in texts)
    )
    assert stepwise.read[2:4] == ["128 of c and d", "128 of c and d"]


async def test_a_key_goes_between_the_steps_of_a_long_text(make_engine: MakeEngine) -> None:
    stepwise = StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise)
    [long] = await start(engine, "l " * 400)
    await stepwise.reached()
    [key] = await start(engine, "key")
    stepwise.open.set()
    await outcomes(long, key)
    assert stepwise.read[:2] == ["64 of l", "rating of k"]
    assert stepwise.read[-1] == "rating of l"


async def test_of_a_text_only_what_was_read_counts_as_read(make_engine: MakeEngine) -> None:
    """A model reads whole blocks, which may be less than a step."""
    stepwise = StepwiseFake(most=10)
    engine = make_engine(stepwise)
    await engine.classify("l " * 402)
    assert stepwise.read == [*["64 of l"] * 34, "rating of l"]  # 340 of 402, and one step is left.


@pytest.mark.parametrize(("keys", "step"), [(1, 16), (4, 16), (6, 32), (32, 128)])
async def test_while_somebody_types_a_step_is_as_long_as_the_batch_of_keys_before_it(
    keys: int, step: int, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepwise = StepwiseFake()
    engine = make_engine(stepwise)
    await outcomes(*await start(engine, *[f"key {number} of them all here" for number in range(keys)]))  # 6 tokens each
    stepwise.read.clear()
    await engine.classify("l " * 402)
    assert stepwise.read == [*[f"{step} of l"] * (400 // step), "rating of l"]
    monkeypatch.setattr("model_core.scheduling.scheduler._TYPING_S", -1.0)
    stepwise.read.clear()
    await engine.classify("m " * 402)
    assert stepwise.read == [*["64 of m"] * (400 // 64), "rating of m"]


async def test_long_and_short_texts_of_an_address_get_equal_parts_of_the_work(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held, max_batch=1)
    first = await start_busy(engine, held)
    longs = [f"long {number} " * 100 for number in range(3)]
    shorts = [f"{name} " * 25 for name in "abcd"]
    waiting = await start(engine, *longs, *shorts)
    held.open.set()
    await outcomes(first, *waiting)
    assert held.batches == [
        [text] for text in ("first", longs[0], shorts[0], longs[1], shorts[1], longs[2], *shorts[2:])
    ]


async def test_a_long_text_that_was_begun_is_finished_before_the_next(make_engine: MakeEngine) -> None:
    stepwise = StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise)
    waiting = await start(engine, "l " * 250, "m " * 250, "n " * 250)
    stepwise.open.set()
    await outcomes(*waiting)
    one = ["64"] * (249 // 64) + ["rating"]
    assert stepwise.read == [f"{part} of {text}" for text in "lmn" for part in one]


async def test_a_short_text_and_one_that_is_mostly_known_take_no_steps(make_engine: MakeEngine) -> None:
    stepwise, known = StepwiseFake(), EncoderCache()
    known.input_ids = tuple(tokens_of("k " * 400))
    engine = make_engine(stepwise)
    await engine.classify("s " * 100)
    await engine.classify("k " * 405, known)
    assert stepwise.read == ["rating of s", "rating of k"]


async def test_a_text_that_shares_only_its_begin_with_the_one_before_is_a_long_one(make_engine: MakeEngine) -> None:
    stepwise, known = StepwiseFake(), EncoderCache()
    known.input_ids = tuple(tokens_of("k " * 400))
    await make_engine(stepwise).classify("k " * 100 + "l " * 300, known)
    assert stepwise.read[0] == "64 of k"


async def test_a_failure_in_a_step_is_left_to_the_rating(make_engine: MakeEngine) -> None:
    stepwise = StepwiseFake(fails=True)
    assert isinstance(await make_engine(stepwise).classify("l " * 400), Answer)
    assert stepwise.read == ["64 of l", "rating of l"]


async def test_a_caller_that_leaves_between_two_steps_ends_them(make_engine: MakeEngine) -> None:
    stepwise = StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise, max_waiting=1)
    [long] = await start(engine, "l " * 400)
    await stepwise.reached()
    long.cancel()
    await outcomes(long)
    [key] = await start(engine, "key")
    stepwise.open.set()
    assert isinstance((await outcomes(key))[0], Answer)
    assert stepwise.read == ["64 of l", "rating of k"]


async def test_a_text_in_steps_is_given_up_at_its_deadline(make_engine: MakeEngine) -> None:
    stepwise = StepwiseFake()
    stepwise.open.clear()
    engine = make_engine(stepwise, deadline_ms=50)
    [long] = await start(engine, "l " * 400)
    assert [type(outcome) for outcome in await outcomes(long)] == [ModelUnavailable]
    stepwise.open.set()


async def test_a_model_that_is_replaced_between_steps_leaves_the_rest_of_the_text_to_the_next(
    make_engine: MakeEngine,
) -> None:
    before, after, cache = StepwiseFake(), StepwiseFake(), EncoderCache()
    before.open.clear()
    engine = make_engine(before)
    answer = asyncio.create_task(engine.classify("l " * 400, cache))
    await before.reached()
    cache.input_ids = tuple(range(64))
    replacing = asyncio.create_task(engine.replace(after))
    await asyncio.sleep(0)
    before.open.set()
    await asyncio.gather(answer, replacing)
    assert before.read == ["64 of l"]
    assert after.read == [*["64 of l"] * (400 // 64 - 1), "rating of l"]
    assert cache.input_ids == (), "what the one before made of the text is gone"

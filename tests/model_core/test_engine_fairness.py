"""What one asker costs the others: exact costs, charged before a text waits, and room taken from who has most."""

import asyncio

import pytest

from model_core.cache import EncoderCache
from model_core.classifier import Input, Prediction
from model_core.engine import Engine
from model_core.errors import BeyondRate, EngineError, Overloaded
from model_core.ticket import MOST_CHARS_AT_ONCE, Answer, Asker, Ticket
from model_core.tokenization.pieces import PIECE_CHARS
from tests.model_core.engines import PATIENCE_S, HeldClassifier, MakeEngine, start_busy

PASTE = "word " * 1_000
"""5,000 characters: more than are tokenised at once."""


class Purse:
    """Pays what it is charged, as long as it has units."""

    def __init__(self, units: int = 10**9) -> None:
        self.units = units
        self.charged: list[int] = []

    def charge(self, units: int) -> float:
        self.charged.append(units)
        if units > self.units:
            return 1.5
        self.units -= units
        return 0.0


class Noting(HeldClassifier):
    """Notes each tokenising step in the model thread, as a batch of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[str] = []
        self.open.set()

    def tokenise(self, text: Input, cache: EncoderCache, chars: int) -> int:
        left = super().tokenise(text, cache, chars)
        self.steps.append(f"{left} left")
        return left

    def classify(self, texts: list[str], caches: object = None) -> list[Prediction]:  # type: ignore[override]
        self.steps += texts
        return super().classify(texts)


async def answered(*tickets: Ticket) -> list[Answer | BaseException]:
    async def one(ticket: Ticket) -> Answer:
        return await ticket

    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.gather(*map(one, tickets), return_exceptions=True)


@pytest.mark.parametrize("text", ["word", "... " * 400, "文 " * 400], ids=["key", "punctuation", "CJK"])
async def test_a_text_is_charged_for_its_characters_and_for_its_tokens_before_it_waits(
    make_engine: MakeEngine, text: str
) -> None:
    purse = Purse()
    await make_engine().submit(text, asker=Asker("one", purse.charge))
    assert purse.charged == [-(-len(text) // 32), len(text.split())]


async def test_only_what_changed_is_charged_for(make_engine: MakeEngine) -> None:
    purse, cache, engine = Purse(), EncoderCache(), make_engine()
    text = "a word " * 250
    await engine.submit(text, cache, Asker("one", purse.charge))
    purse.charged.clear()
    await engine.submit(text + "more", cache, Asker("one", purse.charge))
    assert purse.charged[0] <= 2 * PIECE_CHARS // 32


async def test_who_cannot_pay_is_told_when_to_come_back_and_nothing_is_tokenised(make_engine: MakeEngine) -> None:
    engine, cache = make_engine(), EncoderCache()
    with pytest.raises(BeyondRate) as refusal:
        engine.submit("word " * 300, cache, Asker("poor", Purse(10).charge))
    assert refusal.value.retry_after_s == 1.5
    assert cache.pieces.unknown_chars == 1_500
    assert engine.waiting == 0


async def test_a_paste_is_tokenised_in_steps_between_which_keys_go(make_engine: MakeEngine) -> None:
    noting = Noting()
    engine = make_engine(noting)
    paste, key = engine.submit(PASTE), engine.submit("key")
    assert [type(answer) for answer in await answered(paste, key)] == [Answer, Answer]
    first, second, *steps, last, rating = noting.steps
    assert (last, rating) == ("0 left", PASTE)
    taken = len(PASTE) - int(first.removesuffix(" left"))
    assert MOST_CHARS_AT_ONCE - 2 * PIECE_CHARS <= taken <= MOST_CHARS_AT_ONCE
    assert second == "key"
    assert len(steps) == 1


async def test_a_paste_is_charged_by_characters_first_and_by_tokens_once_they_are_known(
    make_engine: MakeEngine,
) -> None:
    purse = Purse(200)
    [refusal] = await answered(make_engine().submit(PASTE, asker=Asker("one", purse.charge)))
    assert isinstance(refusal, BeyondRate)
    assert purse.charged == [5_000 // 32 + 1, 510]


async def test_a_replaced_text_is_charged_for_what_it_adds(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine, purse = make_engine(held), Purse()
    await start_busy(engine, held)
    ticket = engine.submit("a few words", EncoderCache(), Asker("one", purse.charge))
    purse.charged.clear()
    for text in ("a few words m", "a few words mo", "a few words more"):
        assert engine.replace_text(ticket, text)
    assert purse.charged == [1, 1, 1], "characters, at once"
    left, purse.units = purse.units, 0
    assert not engine.replace_text(ticket, "a few words more than can be paid")
    purse.units = left
    purse.charged.clear()
    held.open.set()
    await ticket
    assert purse.charged == [1], "tokens, once it is its turn"


async def test_a_replaced_text_that_cannot_be_paid_is_refused_in_its_turn(
    make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine, purse = make_engine(held), Purse()
    await start_busy(engine, held)
    ticket = engine.submit("a few words", EncoderCache(), Asker("one", purse.charge))
    other = engine.submit("of somebody else")
    assert engine.replace_text(ticket, "a few words or more")
    purse.units = 0
    held.open.set()
    [refusal] = await answered(ticket)
    assert isinstance(refusal, BeyondRate)
    assert isinstance(await other, Answer)
    assert engine.waiting == 0


def fill(engine: Engine, group: str, texts: int) -> list[Ticket]:
    return [engine.submit(f"{group} {number} and more", asker=Asker(group)) for number in range(texts)]


@pytest.mark.parametrize("options", [{"max_waiting": 10}, {"max_waiting_units": 40}], ids=["texts", "units"])
async def test_when_the_queue_is_full_who_has_most_in_it_makes_room(
    make_engine: MakeEngine, held: HeldClassifier, options: dict[str, int]
) -> None:
    engine = make_engine(held, **options)
    await start_busy(engine, held)
    flood = fill(engine, "flood", 10)
    with pytest.raises(Overloaded) as refusal:
        fill(engine, "flood", 1)
    assert refusal.value.retry_after_s > 0
    others = fill(engine, "one", 3) + fill(engine, "two", 3)
    held.open.set()
    assert all(isinstance(answer, Answer) for answer in await answered(*others))
    outcomes = await answered(*flood)
    assert [type(outcome) for outcome in outcomes] == [Answer] * 4 + [Overloaded] * 6, "the newest go first"


async def test_background_work_neither_makes_room_nor_takes_any(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting=4)
    await start_busy(engine, held)
    background = asyncio.create_task(engine.classify("word " * 40, asker=Asker("bulk"), background=True))
    await asyncio.sleep(0)
    assert engine.waiting == 1
    keys = fill(engine, "one", 2) + fill(engine, "two", 2)
    held.open.set()
    assert all(isinstance(answer, Answer) for answer in await answered(*keys))
    assert isinstance(await background, Answer)


async def test_nobody_makes_room_for_who_has_as_much_waiting(make_engine: MakeEngine, held: HeldClassifier) -> None:
    engine = make_engine(held, max_waiting=4)
    await start_busy(engine, held)
    waiting = fill(engine, "one", 2) + fill(engine, "two", 2)
    with pytest.raises(Overloaded):
        fill(engine, "two", 1)
    held.open.set()
    assert all(isinstance(answer, Answer) for answer in await answered(*waiting))


@pytest.mark.parametrize("text", ["short", PASTE], ids=["key", "paste"])
async def test_a_tokenizer_that_fails_fails_for_that_text_alone(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    noting = Noting()

    def fail(*_: object) -> int:
        raise RuntimeError("the tokenizer was told to fail")

    engine = make_engine(noting)
    monkeypatch.setattr(noting, "tokenise", fail)
    monkeypatch.setattr(noting, "measure", fail)
    monkeypatch.setattr(noting, "fail_on", text)
    with pytest.raises(EngineError, match="failed on this text"):
        await engine.submit(text)
    monkeypatch.undo()
    assert isinstance((await answered(engine.submit("next")))[0], Answer)


async def test_a_text_that_the_tokenizer_cannot_read_replaces_no_other(
    make_engine: MakeEngine, held: HeldClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(held)
    await start_busy(engine, held)
    ticket = engine.submit("a film")

    def fail(*_: object) -> int:
        raise RuntimeError("the tokenizer was told to fail")

    monkeypatch.setattr(held, "prepare", fail)
    assert not engine.replace_text(ticket, "a film that")
    monkeypatch.undo()
    held.open.set()
    assert isinstance((await answered(ticket))[0], Answer)
    assert held.batches == [["first"], ["a film"]]


@pytest.mark.parametrize(("other", "sizes"), [("many", [1, 7, 4]), ("one", [1, 7, 2, 2])])
async def test_while_others_type_one_group_has_only_a_part_of_each_batch(
    other: str, sizes: list[int], make_engine: MakeEngine, held: HeldClassifier
) -> None:
    engine = make_engine(held)
    first = engine.submit("first", asker=Asker("many"))
    await held.reached()
    key = engine.submit("key", asker=Asker(other))
    texts = [f"{number} " + "word " * 62 for number in range(10)]  # 63 tokens each
    tickets = [engine.submit(text, asker=Asker("many")) for text in texts]
    held.open.set()
    await answered(first, key, *tickets)
    assert list(map(len, held.batches)) == sizes

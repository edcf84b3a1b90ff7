"""The asynchronous client against a server whose messages are all set by the test."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from starcast_client import (
    AsyncClient,
    ClientClosed,
    LiveRating,
    NoText,
    Options,
    Superseded,
    TextRefused,
)

from tests.clients.fake_server import (
    GREETING,
    HURRIED,
    Visit,
    client_of,
    error,
    fake_server,
    prediction,
    silent,
    works,
)

_OF_FILMS = ("stars", "expected_stars", "interval", "positive")


async def first(client: AsyncClient) -> LiveRating:
    return await anext(client.predictions())


async def test_a_rating_has_all_that_the_server_said_and_the_text() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        rating = await client.rate("A fine film")
    assert (rating.text, rating.stars, rating.interval, rating.timing_ms.inference) == ("A fine film", 8, (1, 10), 2.0)
    assert client.session is not None
    assert client.session.labels == (1, 2, 3, 4, 7, 8, 9, 10)
    assert client.session.limits.max_chars == 20_000


async def test_a_text_typed_before_the_first_connection_is_rated() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        client.update("A")
        client.update("A fine")
        assert (await first(client)).text == "A fine"
        assert [message["text"] for message in server.visits[0].heard] == ["A fine"]


async def test_texts_typed_while_one_is_rated_are_passed_over_but_for_the_newest() -> None:
    typed = asyncio.Event()

    async def slow(visit: Visit) -> None:
        await visit.greet()
        update = await visit.hear("text.update")
        typed.set()
        await released.wait()
        await visit.say(**prediction(update["seq"]))
        await visit.answer_all()

    released = asyncio.Event()
    async with fake_server(slow) as server, client_of(server) as client:
        client.update("A")
        await typed.wait()
        for text in ("A f", "A fi", "A fin"):
            client.update(text)
        released.set()
        texts = []
        async for rating in client.predictions():
            texts.append(rating.text)
            if rating.text == "A fin":
                break
        assert [message["text"] for message in server.visits[0].heard] == ["A", "A fin"]
    assert texts in (["A", "A fin"], ["A fin"])


async def test_every_awaited_text_is_answered_whatever_is_typed_meanwhile() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        rating = asyncio.gather(*(client.rate(f"text {number}") for number in range(20)))
        await asyncio.sleep(0)
        client.update("typed")
        assert [each.text for each in await rating] == [f"text {number}" for number in range(20)]
        seqs = [message["seq"] for message in server.visits[0].heard]
        assert seqs == sorted(set(seqs))


async def test_a_wish_for_fewer_ratings_is_sent_after_every_greeting() -> None:
    async def leaves(visit: Visit) -> None:
        await visit.greet()
        await visit.hear("session.update")

    options = replace(HURRIED, min_interval_ms=100)
    async with fake_server(leaves, works) as server, client_of(server, options) as client:
        await client.rate("A fine film")
    wish = {"type": "session.update", "session": {"min_interval_ms": 100}}
    assert [visit.heard[0] for visit in server.visits] == [wish, wish]


async def test_a_flush_brings_the_final_rating_of_the_newest_text() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        client.update("A fine film")
        rating = await client.flush()
        assert (rating.text, rating.is_final) == ("A fine film", True)
        await client.flush()
        # The server knows the text by now, so it is not sent again.
        assert [message["type"] for message in server.visits[0].heard] == ["text.update", "flush", "flush"]


async def test_an_explanation_names_method_and_spans() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        await client.rate("A fine film")
        explanation = await client.explain()
        assert (explanation.text, explanation.method) == ("A fine film", "occlusion")
        span = explanation.spans[0]
        assert (span.begin, span.end, span.weight, span.unit) == (0, 5, 0.31, "word")
        assert [message["type"] for message in server.visits[0].heard] == ["text.update", "explain"]


async def test_newer_text_overtakes_an_explanation() -> None:
    asked = asyncio.Event()

    async def never_explains(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**prediction((await visit.hear("text.update"))["seq"]))
        await visit.hear("explain")
        asked.set()
        await visit.answer_all()

    async with fake_server(never_explains) as server, client_of(server) as client:
        client.update("A")
        explaining = asyncio.create_task(client.explain())
        await asked.wait()
        assert (await client.rate("A fine")).text == "A fine"
        with pytest.raises(Superseded):
            await explaining


async def test_several_may_ask_for_the_same_explanation() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        client.update("A fine film")
        first_one, second_one, final = await asyncio.gather(client.explain(), client.explain(), client.flush())
        assert first_one == second_one
        assert final.is_final


async def test_without_a_text_there_is_nothing_to_finish_or_explain() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        for ask in (client.flush, client.explain):
            with pytest.raises(NoText):
                await ask()


async def test_an_error_worth_another_try_is_tried_again_with_a_higher_seq() -> None:
    async def busy_at_first(visit: Visit) -> None:
        await visit.greet()
        for _ in range(2):
            await visit.say(**error("overloaded", (await visit.hear("text.update"))["seq"], retryable=True))
        await visit.answer_all()

    async with fake_server(busy_at_first) as server, client_of(server) as client:
        client.update("A fine film")
        assert (await first(client)).seq == 3


async def test_after_an_error_the_newest_text_is_tried() -> None:
    refused = asyncio.Event()

    async def busy_at_first(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**error("overloaded", (await visit.hear("text.update"))["seq"], retryable=True))
        refused.set()
        await visit.answer_all()

    options = Options(retry_first_s=0.3)
    async with fake_server(busy_at_first) as server, client_of(server, options) as client:
        client.update("A")
        await refused.wait()
        client.update("A fine")
        assert (await first(client)).text == "A fine"
        assert [message["text"] for message in server.visits[0].heard] == ["A", "A fine"]


async def test_a_pending_call_fails_after_the_last_try() -> None:
    async def always_fails(visit: Visit) -> None:
        await visit.greet()
        while True:
            await visit.say(**error("internal", (await visit.hear("text.update"))["seq"], retryable=True))

    async with fake_server(always_fails) as server, client_of(server) as client:
        with pytest.raises(TextRefused, match="internal"):
            await client.rate("A fine film")
        assert len(server.visits[0].heard) == 1 + HURRIED.max_retries


async def test_a_refused_text_is_raised_and_the_next_one_rated() -> None:
    async def refuses_first(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**error("text_too_long", (await visit.hear("text.update"))["seq"]))
        # Without a number it is about the message just sent.
        await visit.hear("text.update")
        await visit.say(**error("too_large"))
        await visit.answer_all()

    async with fake_server(refuses_first) as server, client_of(server) as client:
        client.update("typed")
        with pytest.raises(TextRefused, match="text_too_long"):
            await first(client)
        with pytest.raises(TextRefused, match="too_large"):
            await client.rate("awaited")
        assert (await client.rate("A fine film")).text == "A fine film"


@pytest.mark.parametrize(("text", "code"), [("a" * 20_001, "text_too_long"), ("😀" * 17_000, "too_large")])
async def test_a_text_beyond_the_named_limits_is_not_sent(text: str, code: str) -> None:
    async with fake_server(works) as server, client_of(server) as client:
        with pytest.raises(TextRefused, match=code):
            await client.rate(text)
        await client.rate("A fine film")
        assert len(server.visits[0].heard) == 1


@pytest.mark.parametrize("missing", [None, 5, b"fine"])
async def test_what_is_no_text_is_an_error_at_once_and_ends_nothing(missing: Any) -> None:
    async with fake_server(works) as server, client_of(server) as client:
        with pytest.raises(TypeError, match="a text is a string, not"):
            client.update(missing)
        with pytest.raises(TypeError, match="a text is a string, not"):
            await client.rate(missing)
        assert (await client.rate("A fine film")).text == "A fine film"


async def test_half_an_emoji_is_sent_as_the_server_would_read_it() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        assert (await client.rate("half \ud83d")).text == "half \ufffd"


async def test_unknown_messages_and_stale_answers_are_passed_over() -> None:
    async def talkative(visit: Visit) -> None:
        await visit.greet()
        await visit.say(type="weather", sky="blue")
        update = await visit.hear("text.update")
        await visit.say(**prediction(update["seq"] + 7))
        await visit.say(**error("internal", seq=update["seq"] + 7))
        await visit.say(**prediction(update["seq"], stars=9))
        await visit.answer_all()

    async with fake_server(talkative) as server, client_of(server) as client:
        assert (await client.rate("A fine film")).stars == 9


async def test_a_model_with_other_labels_rates_the_newest_text_anew() -> None:
    asked = asyncio.Event()

    async def changes_the_model(visit: Visit) -> None:
        await visit.greet()
        update = await visit.hear("text.update")
        await visit.say(**prediction(update["seq"]))
        await asked.wait()
        await visit.say(
            type="model.changed",
            classes=[{"id": 0, "name": "bad"}, {"id": 1, "name": "good"}],
            prior=[0.5, 0.5],
            model=GREETING["model"] | {"name": "verdicts"},
        )
        update = await visit.hear("text.update")
        rated = prediction(update["seq"], probabilities=[0.25, 0.75], label="good")
        await visit.say(**{name: value for name, value in rated.items() if name not in _OF_FILMS})
        await visit.answer_all()

    async with fake_server(changes_the_model) as server, client_of(server) as client:
        ratings = client.predictions()
        client.update("A fine film")
        assert (await anext(ratings)).stars == 8
        asked.set()
        rating = await anext(ratings)
        assert (rating.text, rating.label, rating.labels) == ("A fine film", "good", ("bad", "good"))
        assert client.session is not None
        assert (client.session.labels, client.session.model.name) == (("bad", "good"), "verdicts")


async def test_closing_ends_iterations_and_pending_calls() -> None:
    async with fake_server(silent) as server:
        client = client_of(server)
        async with client:
            await client.connected()
            waiting = asyncio.create_task(client.rate("A fine film"))
            listening = asyncio.create_task(_all(client))
            await asyncio.sleep(0)
        assert await listening == []
        with pytest.raises(ClientClosed):
            await waiting
        with pytest.raises(ClientClosed):
            client.update("A")


async def test_a_client_that_was_not_entered_says_how_to() -> None:
    with pytest.raises(ClientClosed, match="async with"):
        await AsyncClient("ws://localhost:1").rate("A fine film")


async def test_a_caller_who_leaves_takes_the_text_out() -> None:
    asked = asyncio.Event()
    released = asyncio.Event()

    async def slow(visit: Visit) -> None:
        await visit.greet()
        update = await visit.hear("text.update")
        asked.set()
        await released.wait()
        await visit.say(**prediction(update["seq"]))
        await visit.answer_all()

    async with fake_server(slow) as server, client_of(server) as client:
        under_way = asyncio.create_task(client.rate("first"))
        await asked.wait()
        waiting = asyncio.create_task(client.rate("second"))
        await asyncio.sleep(0)
        waiting.cancel()
        released.set()
        assert (await under_way).text == "first"
        await client.rate("third")
        assert [message["text"] for message in server.visits[0].heard] == ["first", "third"]


async def _all(client: AsyncClient) -> list[LiveRating]:
    return [rating async for rating in client.predictions()]

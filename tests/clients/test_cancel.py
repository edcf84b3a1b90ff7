"""A cancelled text gets no answer, and nothing else is lost."""

import asyncio

import pytest
from starcast_client import Cancelled, Client, NoText

from tests.clients.fake_server import Visit, client_of, error, fake_server, prediction, works
from tests.clients.test_client import ServerInAThread


async def hear_and_say_nothing(visit: Visit, *kinds: str) -> None:
    await visit.greet()
    for kind in kinds:
        await visit.hear(kind)


async def test_a_text_under_way_is_taken_back_from_the_server_and_a_late_rating_not_shown() -> None:
    heard = asyncio.Event()

    async def answers_too_late(visit: Visit) -> None:
        await hear_and_say_nothing(visit, "text.update")
        heard.set()
        await visit.hear("cancel")
        await visit.say(**prediction(visit.heard[0]["seq"]))
        await visit.answer_all()

    async with fake_server(answers_too_late) as server, client_of(server) as client:
        client.update("A")
        await heard.wait()
        client.cancel()
        client.update("A fine")
        assert (await anext(client.predictions())).text == "A fine"
        kinds = [message["type"] for message in server.visits[0].heard]
        assert kinds == ["text.update", "cancel", "text.update"]


async def test_what_was_not_sent_yet_is_never_sent() -> None:
    async with fake_server(works) as server, client_of(server) as client:
        client.update("A")
        client.cancel()
        await client.rate("A fine film")
        assert [message["text"] for message in server.visits[0].heard] == ["A fine film"]


async def test_a_finish_and_an_explanation_that_somebody_waits_for_are_cancelled() -> None:
    heard = asyncio.Event()

    async def keeps_flush_and_explain(visit: Visit) -> None:
        await hear_and_say_nothing(visit, "text.update", "flush")
        heard.set()
        await visit.hear("cancel")
        await visit.say(**prediction((await visit.hear("text.update"))["seq"]))
        await visit.hear("explain")
        heard.set()
        await visit.hear("cancel")
        await visit.answer_all()

    async with fake_server(keeps_flush_and_explain) as server, client_of(server) as client:
        client.update("A")
        for ask in (client.flush, client.explain):
            heard.clear()
            asking = asyncio.gather(ask(), ask(), return_exceptions=True)
            await heard.wait()
            client.cancel()
            assert [type(outcome) for outcome in await asking] == [Cancelled, Cancelled]
            with pytest.raises(NoText):
                await ask()
            client.update("A fine")
        assert (await client.rate("A fine film")).text == "A fine film"
        assert len(server.visits) == 1


async def test_a_text_that_somebody_wants_rated_stays() -> None:
    heard, cancelled = asyncio.Event(), asyncio.Event()

    async def answers_after_the_cancel(visit: Visit) -> None:
        await hear_and_say_nothing(visit, "text.update")
        heard.set()
        await cancelled.wait()
        await visit.say(**prediction(visit.heard[0]["seq"]))
        await visit.answer_all()

    async with fake_server(answers_after_the_cancel) as server, client_of(server) as client:
        rating = asyncio.gather(client.rate("A"), client.rate("A fine"))
        await heard.wait()
        client.update("typed")
        client.cancel()
        cancelled.set()
        assert [each.text for each in await rating] == ["A", "A fine"]
        assert [message.get("text") for message in server.visits[0].heard] == ["A", "A fine"]


async def test_it_is_not_sent_again_after_a_reconnect() -> None:
    async def leaves(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**prediction((await visit.hear("text.update"))["seq"]))
        await visit.hear("text.update")

    async with fake_server(leaves, works) as server, client_of(server) as client:
        client.update("A")
        await anext(client.predictions())
        client.cancel()
        assert (await client.rate("A fine film")).text == "A fine film"
        assert [message["text"] for message in server.visits[1].heard] == ["A fine film"]


async def test_it_is_not_tried_again_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pausing, paused = asyncio.Event(), asyncio.Event()

    async def pause(_: float) -> None:
        pausing.set()
        await paused.wait()

    async def busy_at_first(visit: Visit) -> None:
        await visit.greet()
        await visit.say(**error("overloaded", (await visit.hear("text.update"))["seq"], retryable=True))
        await visit.answer_all()

    monkeypatch.setattr("starcast_client.async_client.sleep", pause)
    async with fake_server(busy_at_first) as server, client_of(server) as client:
        client.update("A")
        await pausing.wait()
        client.cancel()
        paused.set()
        await client.rate("A fine film")
        assert [message["text"] for message in server.visits[0].heard] == ["A", "A fine film"]


def test_the_client_without_asyncio_takes_back_too() -> None:
    with ServerInAThread(works) as url, Client(url, proxy=None) as client:
        client.update("A")
        client.cancel()
        with pytest.raises(NoText):
            client.flush()

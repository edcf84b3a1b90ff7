"""The link to the channel layer, with listeners of the tests."""

import asyncio
import time
from types import SimpleNamespace

import pytest

from live.watching.link import Link, Message


async def test_a_listener_that_raises_ends_nothing_for_the_others(caplog: pytest.LogCaptureFixture) -> None:
    link, heard = Link(), asyncio.Queue[Message]()

    def fail(_: Message) -> None:
        raise RuntimeError("the listener was told to fail")

    await link.join("bad", fail)
    await link.join("good", heard.put_nowait)
    for number in range(2):
        await link.send("bad", {"number": number})
        await link.send("good", {"number": number})
        async with asyncio.timeout(10):
            assert (await heard.get())["number"] == number
    assert "the listener was told to fail" in caplog.text
    await link.leave("bad", fail)
    await link.leave("good", heard.put_nowait)


async def test_a_listener_hears_for_longer_than_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    link, heard = Link(), asyncio.Queue[Message]()
    await link.join("good", heard.put_nowait)
    days_later = time.time() + 2 * 86_400
    monkeypatch.setattr("channels.layers.time", SimpleNamespace(time=lambda: days_later))
    await link.send("good", {"number": 1})
    async with asyncio.timeout(10):
        assert (await heard.get())["number"] == 1
    await link.leave("good", heard.put_nowait)


async def test_a_message_of_another_program_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    link, heard = Link(), asyncio.Queue[Message]()
    await link.join("good", heard.put_nowait)
    await link._layer.send(link._channel, {"type": "other", "group": ["no", "name"]})
    await link.send("good", {"number": 1})
    async with asyncio.timeout(10):
        assert (await heard.get())["number"] == 1
    assert "a message of the channel layer was not understood" in caplog.text
    await link.leave("good", heard.put_nowait)

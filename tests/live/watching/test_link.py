"""The link to the channel layer, with listeners of the tests."""

import asyncio

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

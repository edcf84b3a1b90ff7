"""The client without asyncio: it runs a thread, and cleans it up."""

import asyncio
import threading
from collections.abc import Iterator

import pytest
from starcast_client import Client, ClientClosed, Options, Refused

from tests.clients.fake_server import Script, Visit, error, fake_server, silent, works


class ServerInAThread:
    """Serves a script to a test that has no event loop."""

    def __init__(self, script: Script) -> None:
        self.url = ""
        self._script = script
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> str:
        self._thread.start()
        assert self._ready.wait(30)
        return self.url

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with fake_server(self._script) as server:
            self.url = server.url
            self._ready.set()
            await self._stop.wait()


@pytest.fixture
def url() -> Iterator[str]:
    with ServerInAThread(works) as address:
        yield address


def test_texts_are_rated_finished_and_explained(url: str) -> None:
    with Client(url, proxy=None) as client:
        assert client.rate("A fine film").text == "A fine film"
        assert client.connected().protocol == "starcast.v1"
        assert client.state == "open"
        client.update("A finer film")
        assert client.flush().is_final
        assert client.explain().text == "A finer film"
    assert client.state == "closed"


def test_predictions_follow_the_typed_text(url: str) -> None:
    with Client(url, proxy=None) as client:
        client.update("A")
        for rating in client.predictions():
            if rating.text == "A fine":
                break
            client.update("A fine")


def test_closing_ends_an_iteration_in_another_thread(url: str) -> None:
    seen: list[str] = []
    with Client(url, proxy=None) as client:
        client.rate("A")
        listener = threading.Thread(target=lambda: seen.extend(rating.text for rating in client.predictions()))
        listener.start()
        client.rate("A fine")
    listener.join(30)
    assert not listener.is_alive()
    assert seen[-1:] in ([], ["A"], ["A fine"])


def test_no_thread_is_left(url: str) -> None:
    with Client(url, proxy=None) as client:
        client.rate("A fine film")
    assert not [thread for thread in threading.enumerate() if thread.name == "starcast-client"]
    with pytest.raises(ClientClosed):
        client.update("A")


def test_a_wait_may_have_an_end() -> None:
    with ServerInAThread(silent) as url, Client(url, proxy=None) as client, pytest.raises(TimeoutError):
        client.rate("A fine film", timeout_s=0.01)


def test_a_refusal_is_raised() -> None:
    async def refuses(visit: Visit) -> None:
        await visit.say(**error("key_missing"))
        await visit.connection.close(4503)

    options = Options(backoff_first_s=0.001)
    with (
        ServerInAThread(refuses) as url,
        Client(url, proxy=None, options=options) as client,
        pytest.raises(Refused, match="key_missing"),
    ):
        client.rate("A fine film")


def test_a_client_that_was_not_entered_says_how_to() -> None:
    client = Client("ws://localhost:1")
    with pytest.raises(ClientClosed):
        client.rate("A fine film")


def test_the_session_is_known_once_connected(url: str) -> None:
    client = Client(url, proxy=None)
    assert client.session is None
    with client:
        assert client.connected() == client.session


def test_what_is_no_address_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="not an address"):
        Client("localhost")

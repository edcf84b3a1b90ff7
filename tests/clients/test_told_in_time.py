"""What is wrong with a server or its URL is said within two seconds, once, while the client keeps trying."""

import asyncio
import contextlib
import logging
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from starcast_client import AsyncClient, Options, Refused, State
from starcast_client.cli import main
from starcast_client.conformance.cli import main as hold_to_protocol
from starcast_client.connecting import PATIENCE_S

from tests.clients.fake_server import HURRIED, Visit, client_of, error, fake_server, works
from tests.clients.scripted_http import scripted_server
from tools.servers import REPOSITORY

IN_TIME_S = 8
"""Two seconds are promised. A busy machine gets more, and less than the ten after which a try fails by itself."""
Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")


@contextlib.asynccontextmanager
async def foreign_server(answer: bytes | None) -> AsyncIterator[str]:
    """Answer every request by these bytes; by silence if None."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await reader.readuntil(b"\r\n\r\n")
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "localhost", 0)
    async with server:
        yield f"http://localhost:{server.sockets[0].getsockname()[1]}"


async def warned(caplog: pytest.LogCaptureFixture, url: str) -> str:
    """Return what a client at this URL says in time, without being asked anything."""
    told = asyncio.Event()
    async with AsyncClient(url, options=HURRIED, on_state=lambda _: told.set()) as client:
        async with asyncio.timeout(IN_TIME_S):
            await told.wait()
        assert client.state is not State.CLOSED
        assert client.trouble
    return warnings_in(caplog)[0]


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for name, _, message in caplog.record_tuples if name == "starcast_client"]


def test_two_seconds_are_enough() -> None:
    assert PATIENCE_S < 2


@pytest.mark.parametrize("url", ["http://localhost:1", "http://no-such-host.invalid"])
async def test_a_dead_server_and_an_unknown_name(url: str, caplog: pytest.LogCaptureFixture) -> None:
    said = await warned(caplog, url)
    assert url.removeprefix("http://") in said


@pytest.mark.parametrize(
    "answer", [None, b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", b"220 mail.example ESMTP\r\n"]
)
async def test_a_server_that_is_silent_busy_or_of_another_kind(
    answer: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with foreign_server(answer) as url:
        assert url.removeprefix("http://") in await warned(caplog, url)


async def test_tls_to_a_server_that_waits_for_more_of_a_request(caplog: pytest.LogCaptureFixture) -> None:
    async with foreign_server(None) as url:
        assert "http://" in await warned(caplog, url.replace("http:", "https:"))


async def test_a_server_that_opens_a_connection_and_keeps_silent(caplog: pytest.LogCaptureFixture) -> None:
    async def says_nothing(visit: Visit) -> None:
        await visit.connection.wait_closed()

    async with fake_server(says_nothing) as server:
        await warned(caplog, server.url)


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "403 Forbidden", "404 Not Found"])
async def test_a_site_without_starcast_ends_the_client(status: str) -> None:
    async with (
        foreign_server(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as url,
        AsyncClient(url, options=HURRIED) as client,
    ):
        async with asyncio.timeout(IN_TIME_S):
            with pytest.raises(Refused, match=f"HTTP {status[:3]}.* Starcast"):
                await client.rate("A fine film")


@pytest.mark.parametrize(
    "location", ["/login", "https://localhost:1/", "http://localhost:1/", "ws://localhost:1/", "ws://["]
)
async def test_a_redirect_is_told_and_not_followed(location: str) -> None:
    answer = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()
    async with foreign_server(answer) as url, AsyncClient(url, options=HURRIED) as client:
        async with asyncio.timeout(IN_TIME_S):
            with pytest.raises(Refused, match=f"HTTP 302.*{re.escape(location)}"):
                await client.connected()


async def test_an_outage_is_told_once_and_the_next_one_again(caplog: pytest.LogCaptureFixture) -> None:
    async def full(visit: Visit) -> None:
        await visit.say(**error("server_full", retryable=True))
        await visit.connection.close(4010)

    async def leaves(visit: Visit) -> None:
        await visit.greet()

    async with fake_server(full, full, leaves, full, full, works) as server, client_of(server) as client:
        await client.rate("A fine film")
    assert [message.count("server_full") for message in warnings_in(caplog)] == [1, 1]


async def test_a_reconnect_that_succeeds_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    async def leaves(visit: Visit) -> None:
        await visit.greet()

    async with fake_server(leaves, works) as server, client_of(server) as client:
        await client.rate("A fine film")
    assert warnings_in(caplog) == []


async def test_what_a_slow_try_ends_with_replaces_that_it_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("async_client", "connecting"):
        monkeypatch.setattr(f"starcast_client.{module}.PATIENCE_S", 0.01)
    troubles: list[str | None] = []

    async with foreign_server(None) as url:
        options = Options(connect_timeout_s=0.2, backoff_first_s=0.001, max_connect_attempts=2)
        client = AsyncClient(url, options=options, on_state=lambda _: troubles.append(client.trouble))
        async with client:
            with pytest.raises(Exception, match="timed out"):
                await client.connected()
    assert len(troubles) == 3
    assert "0.01 s" in str(troubles[0])
    assert "timed out" in str(troubles[1])


async def test_a_program_that_does_not_ask_has_it_on_the_error_output(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "from starcast_client import Client\n"
        "with Client('http://localhost:1', proxy=None) as client:\n    client.update('A')\n    input()\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(program),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(REPOSITORY / "clients/python/src")},
    )
    assert process.stderr is not None
    async with asyncio.timeout(60):
        assert b"localhost:1" in await process.stderr.readline()
        await process.communicate(b"\n")
    assert process.returncode == 0


def test_a_file_is_rated_once_the_server_has_time_and_its_lack_of_it_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = 503, {"error": {"code": "overloaded", "message": "as the test wants", "retryable": True}}
    answers = iter([*[busy] * 4, None])
    (tmp_path / "reviews.txt").write_text("A fine film\n")
    with scripted_server(lambda _: next(answers)) as server:
        assert main(["score", str(tmp_path / "reviews.txt"), "--url", server.url]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if "overloaded" in line]
    assert len(lines) == 1
    assert re.match("starcast score: http://localhost", lines[0])


async def test_the_suite_says_that_no_answer_comes_before_it_gives_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("starcast_client.conformance.cli.PATIENCE_S", 0.01)
    async with foreign_server(None) as url:
        assert await asyncio.to_thread(hold_to_protocol, [url, "--timeout", "0.5"]) == 2
    first, last = capsys.readouterr().err.splitlines()
    assert "no answer" in first
    assert "no server" in last


def test_nothing_remains_of_a_run_in_the_logging(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("")
    before = list(logging.getLogger("starcast_client").handlers)
    main(["score", str(tmp_path / "empty.txt")])
    assert logging.getLogger("starcast_client").handlers == before

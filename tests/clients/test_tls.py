"""TLS: a server is trusted by a public CA, by one that is named, or not at all."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starcast_client import AsyncClient, Client, ConnectionFailed, Options
from starcast_client.cli import main
from starcast_client.conformance.cli import main as hold_to_protocol
from starcast_client.conformance.suite import Target

from tests.clients.fake_server import HURRIED, fake_server, works
from tests.clients.scripted_http import scripted_server
from tests.conftest import missing
from tools.topology.services import NotInstalledError, certificate

ONE_TRY = Options(max_connect_attempts=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    try:
        return certificate(tmp_path_factory.mktemp("tls"))
    except NotInstalledError as error:
        missing(str(error))


@pytest.fixture
def cafile(made: tuple[Path, Path]) -> Path:
    return made[0]


@pytest.fixture
def at_server(made: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*made)
    return context


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "localhost")


@pytest.mark.parametrize("scheme", ["wss", "https"])
@pytest.mark.parametrize(
    "trusting",
    [
        lambda cafile: {"cafile": cafile},
        lambda cafile: {"cafile": str(cafile)},
        lambda cafile: {"ssl": ssl.create_default_context(cafile=cafile)},
    ],
)
async def test_a_server_with_an_own_ca_is_trusted_where_it_is_named(
    scheme: str, trusting: Callable[[Path], dict[str, Any]], cafile: Path, at_server: ssl.SSLContext
) -> None:
    async with fake_server(works, ssl=at_server) as server:
        url = server.url.replace("wss", scheme)
        async with AsyncClient(url, options=HURRIED, **trusting(cafile)) as client:
            assert (await client.rate("A fine film")).text == "A fine film"


async def test_so_it_is_where_the_environment_names_it(
    cafile: Path, at_server: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(cafile))
    async with fake_server(works, ssl=at_server) as server, AsyncClient(server.url, options=HURRIED) as client:
        assert (await client.rate("A fine film")).text == "A fine film"


async def test_so_it_is_without_asyncio(cafile: Path, at_server: ssl.SSLContext) -> None:
    def rate(url: str) -> str:
        with Client(url, options=HURRIED, cafile=cafile) as client:
            return client.rate("A fine film").text

    async with fake_server(works, ssl=at_server) as server:
        assert await asyncio.to_thread(rate, server.url) == "A fine film"


async def test_a_certificate_that_no_ca_vouches_for_is_not_trusted(at_server: ssl.SSLContext) -> None:
    async with fake_server(works, ssl=at_server) as server, AsyncClient(server.url, options=ONE_TRY) as client:
        with pytest.raises(ConnectionFailed, match="certificate is not trusted"):
            await client.connected()
        assert server.visits == []


async def test_a_certificate_for_another_name_is_not_trusted(
    cafile: Path, at_server: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda _, *others, **more: look_up("localhost", *others, **more))
    async with fake_server(works, ssl=at_server) as server:
        url = server.url.replace("localhost", "stars.example")
        async with AsyncClient(url, options=ONE_TRY, cafile=cafile, proxy=None) as client:
            with pytest.raises(ConnectionFailed, match="certificate is not trusted"):
                await client.connected()
        assert server.visits == []


async def test_http_where_tls_is_spoken_and_the_other_way_round_is_explained(
    cafile: Path, at_server: ssl.SSLContext
) -> None:
    async with fake_server(works) as plain, fake_server(works, ssl=at_server) as secure:
        urls = plain.url.replace("ws:", "https:"), secure.url.replace("wss:", "http:")
        for url, right in zip(urls, ("http://", "https://"), strict=True):
            async with AsyncClient(url, options=ONE_TRY, cafile=cafile) as client:
                with pytest.raises(ConnectionFailed, match=right):
                    await client.connected()


@pytest.mark.parametrize("make", [AsyncClient, Client])
def test_a_file_without_certificates_is_refused_at_once(make: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(ValueError, match=name):
            make("https://localhost:1", cafile=tmp_path / name)


@pytest.mark.parametrize("make", [AsyncClient, Client])
def test_one_says_whom_to_trust_only_once(make: Callable[..., object], cafile: Path) -> None:
    with pytest.raises(ValueError, match="cafile"):
        make("https://localhost:1", cafile=cafile, ssl=ssl.create_default_context())


@pytest.mark.parametrize(("is_named", "warnings"), [(True, 0), (False, 1)])
def test_a_file_is_rated_over_tls(
    is_named: bool,
    warnings: int,
    cafile: Path,
    at_server: ssl.SSLContext,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "reviews.txt").write_text("A fine film\n")
    trust = ["--cafile", str(cafile)] if is_named else ["--insecure"]
    with scripted_server(ssl=at_server) as server:
        assert main(["score", str(tmp_path / "reviews.txt"), "--url", server.url, *trust]) == 0
    rated = json.loads((tmp_path / "reviews.ratings.jsonl").read_text())
    assert (rated["text"], rated["error"]) == ("A fine film", None)
    assert capsys.readouterr().err.count("--insecure") == warnings


@pytest.mark.parametrize(
    "command",
    [
        lambda url, *trust: main(["score", "nothing.txt", "--url", url, *trust]),
        lambda url, *trust: main(["live", url, *trust]),
        lambda url, *trust: hold_to_protocol([url, *trust]),
    ],
)
def test_commands_refuse_a_file_without_certificates(
    command: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command("https://localhost:1", "--cafile", str(tmp_path / "none.pem"))
    assert "none.pem cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command("https://localhost:1", "--cafile", "any", "--insecure")
    assert "not allowed with" in capsys.readouterr().err


async def test_the_suite_is_run_over_tls(cafile: Path, at_server: ssl.SSLContext) -> None:
    async with fake_server(works, ssl=at_server) as server:
        target = Target(server.url, ssl=ssl.create_default_context(cafile=cafile))
        async with target.greeted() as peer:
            assert peer.greeting["type"] == "session.created"
        # It answers HTTP by an error, which came over TLS.
        status, _ = await target.get("/healthz")
        assert status == 426

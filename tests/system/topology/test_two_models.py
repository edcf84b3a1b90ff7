"""Two servers, each with a model of its own, behind the proxy of docs/your-own-labels.md."""

import asyncio
import json
import re
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from model_core.checkpoint import write_config
from model_core.labels import FILM_RATINGS
from project.environment import ALL
from tests.conftest import missing
from tests.labelled import ORDINAL, PAGE
from tests.timing import PATIENCE_S
from tests.tiny import tiny_config
from tools.servers import REPOSITORY, free_port, start_server
from tools.topology.services import Daemon, NotInstalledError, certificate, program, running

DOCS = (REPOSITORY / "docs" / "your-own-labels.md").read_text(encoding="utf-8")
FILMS, QUESTIONS = "films.example.org", "questions.example.org"
SERVE = ("manage.py", "serve", "--client-address-header", "X-Real-IP")
AROUND = """
worker_processes 1;
error_log stderr;
pid {folder}/pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {documented}
}}
"""


class Both:
    """The way to both servers."""

    def __init__(self, port: int, tls: ssl.SSLContext) -> None:
        self.port = port
        self._tls = tls

    def get(self, host: str, path: str, **headers: str) -> httpx.Response:
        """Ask the server of this name."""
        with httpx.Client(verify=self._tls, trust_env=False, timeout=PATIENCE_S) as client:
            return client.get(f"https://localhost:{self.port}{path}", headers={"Host": host, **headers})

    async def rating(self, host: str) -> dict[str, object]:
        """Return the rating that a page of this name would show."""
        async with connect(
            f"wss://{host}/ws/v1/classify/",
            host="localhost",
            port=self.port,
            ssl=self._tls,
            server_hostname="localhost",
            subprotocols=[Subprotocol("starcast.v1")],
            origin=Origin(f"https://{host}"),
            proxy=None,
        ) as socket:
            assert json.loads(await socket.recv())["type"] == "session.created"
            await socket.send(json.dumps({"type": "text.update", "seq": 1, "text": "A text."}))
            return dict(json.loads(await socket.recv()))


@pytest.fixture(scope="module")
def both(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """The documented configuration, with ports and certificates of the test."""
    checkpoint = tmp_path_factory.mktemp("questions")
    write_config(checkpoint, tiny_config(labels=ORDINAL, prior=(0.4, 0.2, 0.4), page=PAGE), {})
    fake: Any = {"STARCAST_BACKEND": "fake", "STARCAST_HTTPS": "1"}
    (documented,) = re.findall(r"^```nginx\n(.*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    with (
        # Not in pytest's folders, which only root can read: the proxy's workers are another user.
        tempfile.TemporaryDirectory(prefix="starcast-proxy-") as folder,
        start_server(data_dir, program=SERVE, STARCAST_ALLOWED_HOSTS=FILMS, **fake) as films,
        start_server(
            data_dir, program=SERVE, STARCAST_ALLOWED_HOSTS=QUESTIONS, STARCAST_CHECKPOINT=str(checkpoint), **fake
        ) as questions,
    ):
        port = free_port()
        Path(folder).chmod(0o755)
        try:
            made, key = certificate(Path(folder))
            for written, meant in (
                ("127.0.0.1:8000", f"127.0.0.1:{films.port}"),
                ("127.0.0.1:8001", f"127.0.0.1:{questions.port}"),
                ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
                ("/etc/nginx/tls/fullchain.pem", str(made)),
                ("/etc/nginx/tls/privkey.pem", str(key)),
            ):
                assert documented.count(written) == 1
                documented = documented.replace(written, meant)
            configuration = Path(folder) / "nginx.conf"
            configuration.write_text(AROUND.format(folder=folder, documented=documented))
            command = [program("nginx"), "-e", "stderr", "-c", str(configuration), "-g", "daemon off;"]
            with running(Daemon(command, port, Path(folder) / "log")):
                yield Both(port, ssl.create_default_context(cafile=made))
        except NotInstalledError as error:
            missing(str(error))


def test_the_servers_of_the_docs_are_those_of_this_test() -> None:
    (commands,) = re.findall(r"^```sh\n(export STARCAST_HTTPS=1 .*?)^```$", DOCS, re.MULTILINE | re.DOTALL)
    starts = re.findall(r"manage.py serve --port (\d+) (.*?)(?: &)?$", commands, re.MULTILINE)
    assert starts == [(port, " ".join(SERVE[2:])) for port in ("8000", "8001")]
    assert re.findall(r"STARCAST_ALLOWED_HOSTS=(\S+)", commands) == [FILMS, QUESTIONS]
    variables = {variable for kind in ALL for variable in kind.variables().values()}
    assert set(re.findall(r"STARCAST_\w+", commands)) <= variables


def test_each_name_has_the_page_and_the_labels_of_its_model(both: Both) -> None:
    for host, names in ((FILMS, FILM_RATINGS.names), (QUESTIONS, ORDINAL.names)):
        model = both.get(host, "/api/v1/model").json()
        assert tuple(each["name"] for each in model["classes"]) == names
        assert (PAGE.title in both.get(host, "/").text) == (host == QUESTIONS)
        (server,) = both.get(host, "/api/openapi.json").json()["servers"]
        assert server["url"] == f"https://{host}"


def test_a_page_of_each_name_is_rated_by_its_model(both: Both) -> None:
    films, questions = asyncio.run(both.rating(FILMS)), asyncio.run(both.rating(QUESTIONS))
    assert films["stars"] in (FILM_RATINGS.values or ())
    assert questions["label"] in ORDINAL.names


def test_other_names_and_what_is_for_operators_are_not_reached(both: Both) -> None:
    assert both.get("other.example.org", "/").status_code == 400
    for path in ("/metrics", "/readyz"):
        assert both.get(QUESTIONS, path).status_code == 404


def test_a_client_cannot_say_how_it_came_here(both: Both) -> None:
    # Plain HTTP would be sent on to HTTPS.
    assert both.get(FILMS, "/", **{"X-Forwarded-Proto": "http"}).status_code == 200

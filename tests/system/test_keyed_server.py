"""Keys over a real server: asked for, checked, revoked by another process, never written down."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.project.test_settings import manage
from tests.timing import PATIENCE_S
from tools.servers import RunningServer, start_server


def apikey(data_dir: Path, *arguments: str) -> str:
    finished = manage(
        "apikey", *arguments, STARCAST_BACKEND="fake", STARCAST_DEBUG="1", STARCAST_DATA_DIR=str(data_dir)
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.fixture(scope="module")
def keyed_server(data_dir: Path) -> Iterator[RunningServer]:
    with start_server(
        data_dir, STARCAST_BACKEND="fake", STARCAST_REQUIRE_KEY="1", STARCAST_LOG_LEVEL="DEBUG"
    ) as server:
        yield server


def open_socket(server: RunningServer, *offered: str, **headers: str) -> ClientConnection:
    subprotocols = [Subprotocol(name) for name in ("starcast.v1", *offered)]
    return connect(server.ws, subprotocols=subprotocols, additional_headers=headers, proxy=None)


def subprotocol(key: str) -> str:
    return "starcast.bearer." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")


def end(socket: ClientConnection) -> tuple[str, int]:
    """The error and the close code that the connection ends with."""
    messages: list[dict[str, Any]] = []

    def read_on() -> None:
        while True:
            messages.append(json.loads(socket.recv(timeout=60)))

    with pytest.raises(ConnectionClosed) as closed:
        read_on()
    assert closed.value.rcvd is not None
    return messages[-1]["error"]["code"], closed.value.rcvd.code


def test_a_key_is_asked_for_checked_and_closed_when_revoked_and_never_logged(
    keyed_server: RunningServer, data_dir: Path
) -> None:
    key = apikey(data_dir, "create", "reader")
    as_subprotocol = subprotocol(key)
    wrong = "sc_" + "w" * 43

    with open_socket(keyed_server) as keyless, open_socket(keyed_server, Authorization=f"Bearer {wrong}") as guessing:
        assert end(keyless) == ("key_missing", 4503)
        assert end(guessing) == ("key_invalid", 4504)
    predict, body = f"{keyed_server.http}/api/v1/predict", {"text": "A fine film."}
    for headers, status in (
        ({}, 401),
        ({"Authorization": f"Bearer {wrong}"}, 401),
        ({"Authorization": f"Bearer {key}"}, 200),
        ({"Origin": keyed_server.http}, 200),
    ):
        assert (
            httpx.post(predict, json=body, headers=headers, trust_env=False, timeout=PATIENCE_S).status_code == status
        )

    made = httpx.post(
        f"{keyed_server.http}/api/v1/tokens",
        json={"origin": "https://reviews.example", "reference": "Ada Lovelace"},
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=PATIENCE_S,
    )
    token = made.json()["token"]
    with (
        open_socket(keyed_server, Origin=keyed_server.http) as page,
        open_socket(keyed_server, Authorization=f"Bearer {key}") as program,
        open_socket(keyed_server, as_subprotocol, Origin="https://reviews.example") as foreign_page,
        open_socket(keyed_server, subprotocol(token), Origin="https://reviews.example") as page_with_token,
    ):
        assert json.loads(page_with_token.recv())["type"] == "session.created"
        assert foreign_page.subprotocol == "starcast.v1"
        assert json.loads(page.recv())["type"] == "session.created"
        apikey(data_dir, "revoke", key[:11])
        assert end(program) == ("key_invalid", 4504)
        assert end(foreign_page) == ("key_invalid", 4504)
        assert end(page_with_token) == ("key_invalid", 4504)
        page.send('{"type":"text.update","seq":1,"text":"A fine film"}')
        assert json.loads(page.recv())["seq"] == 1

    logged = keyed_server.logged()
    assert logged, "this test reads the log at its most talkative"
    for secret in (key[11:], wrong[11:], as_subprotocol.removeprefix("starcast.bearer."), token, "Lovelace"):
        assert secret not in logged

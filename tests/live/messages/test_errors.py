"""The tables of errors and close codes, and what clients know of them."""

import dataclasses
import json
import re
import subprocess
from types import SimpleNamespace
from typing import Any, get_args

import starcast_client
from starcast_client.connecting import refusal_by_close
from starcast_client.conversation import _OF_A_MESSAGE
from starcast_client.scoring.ratings import _MAY_PASS

import live.messages.errors
from live.limits import Limits, shown_to_clients
from live.messages.errors import CLOSE_MEANINGS, ERRORS, FOLLOWING_CLOSE, STATUS, ErrorCode, comes_back
from tests.conftest import require_program
from tools.servers import REPOSITORY

STATIC = REPOSITORY / "static" / "live"


def test_the_table_has_a_row_for_every_error_code() -> None:
    assert list(ERRORS) == list(get_args(ErrorCode))


def test_every_close_code_has_a_meaning() -> None:
    named = {name: value for name, value in vars(live.messages.errors).items() if name.startswith("CLOSE_")}
    assert CLOSE_MEANINGS.keys() == {value for value in named.values() if isinstance(value, int)}
    assert set(FOLLOWING_CLOSE.values()) <= CLOSE_MEANINGS.keys()


def test_every_error_is_sent_over_websocket_or_http() -> None:
    assert all(kind.over_websocket or code in STATUS for code, kind in ERRORS.items())


def test_a_close_invites_to_come_back_where_the_error_before_it_may_be_retried() -> None:
    assert all(comes_back(close) == ERRORS[code].retryable for code, close in FOLLOWING_CLOSE.items())


def test_the_python_client_gives_up_at_the_closes_that_are_final() -> None:
    def gives_up(code: int) -> bool:
        connection: Any = SimpleNamespace(close_code=code)
        return refusal_by_close(connection, None) is not None

    # No client comes back after a close that it asked for.
    codes = CLOSE_MEANINGS.keys() - {live.messages.errors.CLOSE_ASKED_FOR}
    assert {code for code in codes if gives_up(code)} == {code for code in codes if not comes_back(code)}


def test_the_python_client_knows_codes_of_the_table() -> None:
    assert {code for code, kind in ERRORS.items() if kind.malformed} <= _OF_A_MESSAGE
    assert ERRORS.keys() >= _OF_A_MESSAGE
    assert {code for code, kind in ERRORS.items() if kind.retryable and kind.status} >= _MAY_PASS


def test_the_python_client_knows_limits_that_the_server_tells() -> None:
    known = {field.name for field in dataclasses.fields(starcast_client.Limits)}
    assert known <= shown_to_clients(Limits()).keys()


def test_the_javascript_client_gives_up_at_the_closes_that_are_final() -> None:
    script = (
        "const { isFinalClose } = await import(process.argv[1]);"
        "console.log(JSON.stringify(JSON.parse(process.argv[2]).filter(isFinalClose)));"
    )
    codes = [code for code in CLOSE_MEANINGS if code != live.messages.errors.CLOSE_ASKED_FOR]
    protocol = (STATIC / "client" / "protocol.js").as_uri()
    node = [require_program("node"), "--input-type=module", "--eval", script, protocol, json.dumps(codes)]
    finished = subprocess.run(node, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(finished.stdout) == [code for code in codes if not comes_back(code)]


def test_the_javascript_client_closes_over_http_as_the_socket_does() -> None:
    source = (STATIC / "client" / "http-socket.js").read_text()
    pairs = {code: int(close) for code, close in re.findall(r"(\w+): (4\d{3})\b", source)}
    assert pairs
    assert pairs == {code: close for code, close in FOLLOWING_CLOSE.items() if code in pairs}

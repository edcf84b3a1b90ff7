"""Contents of the logs, and secrets and texts that must never be in them."""

import base64
import io
import json
import logging
import signal
import sqlite3
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.test import RequestFactory
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from live.monitoring.logs import JsonFormatter, LineFormatter, RefusalFilter, log_unhandled, session_id
from model_core.errors import CheckpointError
from tests.printed import blocks
from tests.timing import PATIENCE_S
from tools.servers import RunningServer, ask, open_socket, start_server

MARKER = "Xyzzymarker"
KEY_IN_BASE64 = base64.urlsafe_b64encode(f"sc_{MARKER}".encode()).decode().rstrip("=")

FAULTY = """
import os
import sys
os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
import django
django.setup()
from django.core.management import execute_from_command_line
import live.serving.process_engine
from model_core.fake import FakeClassifier

class Quoting(FakeClassifier):
    def classify(self, texts, caches=None):
        if any("model" in text for text in texts):
            raise ValueError(f"cannot rate {texts!r}")
        return super().classify(texts, caches)

live.serving.process_engine.load_classifier = lambda *_: Quoting()
import live.http.api, live.socket.consumer, live.socket.explaining, live.socket.session, live.pages.views
parse, check_length = live.socket.consumer.parse_client_message, live.http.api.check_length
rating_fields = live.socket.session.rating_fields

def parse_or_quote(frame, limits):
    message = parse(frame, limits)
    if "parser" in frame:
        raise ValueError(f"cannot parse {frame}")
    return message

def check_or_quote(text, limits):
    if "view" in text:
        raise ValueError(f"cannot check {text}")
    check_length(text, limits)

def fields_or_quote(prediction):
    if prediction.tokens == 7:
        raise ValueError("Xyzzymarker")
    return rating_fields(prediction)

async def explain_or_quote(engine, text, *_):
    raise ValueError(f"cannot explain {text}")

def no_reference(description):
    raise ValueError("Xyzzymarker")

live.socket.consumer.parse_client_message = parse_or_quote
live.http.api.check_length = check_or_quote
live.socket.session.rating_fields = fields_or_quote
live.socket.explaining.explain = explain_or_quote
live.pages.views.reference = no_reference
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


def update(seq: int, text: str) -> str:
    return json.dumps({"type": "text.update", "seq": seq, "text": text})


async def cause_all_faults(server: RunningServer) -> None:
    """Bring the marker everywhere it can go."""
    async with await open_socket(server, open_timeout=30) as socket:
        assert (await ask(socket, update(1, f"{MARKER} is fine")))["type"] == "prediction"
        assert (await ask(socket, update(2, f"the model fails on {MARKER}")))["error"]["code"] == "internal"
        for frame in (f"{MARKER}", f'{{"type":"{MARKER}"}}', f'{{"type":"text.update","seq":"{MARKER}"}}'):
            assert (await ask(socket, frame))["type"] == "error"
        assert (await ask(socket, MARKER.encode()))["error"]["code"] == "binary_not_supported"
        assert (await ask(socket, update(3, MARKER * 2_000)))["error"]["code"] == "text_too_long"
        seven_words = update(4, f"the making of a message fails {MARKER}")
        assert (await ask(socket, seven_words))["error"]["code"] == "internal"
        assert (await ask(socket, update(5, f"the next is answered {MARKER}")))["type"] == "prediction"
        assert (await ask(socket, '{"type":"explain","seq":5}'))["error"]["seq"] == 5
        assert (await ask(socket, update(6, f"the parser fails on {MARKER}")))["error"]["code"] == "internal"
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 4000
    offered = [Subprotocol("starcast.v1"), Subprotocol(f"starcast.bearer.{KEY_IN_BASE64}")]
    async with connect(server.ws, subprotocols=offered, proxy=None) as socket:
        assert json.loads(await socket.recv())["error"]["code"] == "key_invalid"
    async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
        for text in (MARKER, f"the view fails on {MARKER}", f"the model fails on {MARKER}"):
            await client.post("/api/v1/predict", json={"text": text})
        await client.post("/api/v1/predict", json={"texts": [f"the model fails on {MARKER}"] * 3})
        await client.post("/api/v1/predict", content=f'{{"{MARKER}')
        await client.get(f"/{MARKER}/?text={MARKER}", headers={"Authorization": f"Bearer sc_{MARKER}"})
        await client.get(f"/admin/{MARKER}/?next={MARKER}")
        assert (await client.get(f"/api/socket?{MARKER}")).status_code == 500
        await client.post(f"/{MARKER}", data={"text": MARKER})
        for host in (f"{MARKER}.example", f"{MARKER} and/more"):
            assert (await client.get("/", headers={"Host": host})).status_code == 400
        for header, value in (
            ("Origin", f"https://{MARKER}.example"),
            ("Referer", f"https://{MARKER}.example/{MARKER}"),
        ):
            refused = await client.post("/admin/login/", data={"username": MARKER}, headers={header: value})
            assert refused.status_code == 403


@pytest.mark.parametrize("log_format", ["json", "line"])
async def test_no_fault_brings_texts_or_keys_into_the_log(data_dir: Path, log_format: str) -> None:
    with start_server(
        data_dir,
        program=("-c", FAULTY, "serve"),
        STARCAST_BACKEND="fake",
        STARCAST_LOG_FORMAT=log_format,
        STARCAST_LOG_LEVEL="DEBUG",
    ) as server:
        await cause_all_faults(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=20) == 0
        logged = server.logged()
    assert "the model failed on a text of" in logged
    assert "POST api/v1/predict 500" in logged
    assert logged.count("refused: DisallowedHost") == 1  # In a minute.
    assert "Forbidden (Origin checking failed): admin/login/" in logged
    assert all("daphne.server" in line for line in logged.splitlines() if "127.0.0.1" in line), "where it listens"
    functions = ("parse_or_quote", "check_or_quote", "fields_or_quote", "explain_or_quote", "no_reference")
    assert [logged.count(f"in {name}") for name in functions] == [1] * 5, "each fault must have left its traceback"
    assert MARKER not in logged
    assert KEY_IN_BASE64 not in logged
    if log_format == "json":
        for line in logged.splitlines():
            assert {"timestamp", "level", "logger", "message"} <= json.loads(line).keys()


async def test_records_of_a_connection_name_its_session_and_others_name_none(data_dir: Path) -> None:
    with start_server(
        data_dir,
        program=("-c", FAULTY, "serve"),
        STARCAST_BACKEND="fake",
        STARCAST_LOG_FORMAT="json",
        STARCAST_LOG_LEVEL="INFO",
    ) as server:
        for number in range(2):
            async with await open_socket(server) as socket:
                await ask(socket, update(1, f"the model fails on {number}"))
                await ask(socket, update(2, "the parser fails"))
        async with httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client:
            await client.get("/healthz")
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(timeout=20)
        records = [json.loads(line) for line in server.logged().splitlines()]
    by_session: dict[str | None, list[str]] = {}
    for record in records:
        if record["logger"].startswith(("live.", "model_core.")):
            by_session.setdefault(record.get("session_id"), []).append(record["message"])
    assert len(by_session) == 3
    for session, messages in by_session.items():
        if session is None:
            assert messages == [messages[0]]
            assert messages[0].startswith("GET /healthz 200")
        else:
            model_failed = "the model failed on a text of 20 characters"
            assert messages[:-1] == ["connected", model_failed, "a connection failed", "refused: internal"]
            assert messages[-1].startswith("disconnected after")


def logged_by(formatter: logging.Formatter, log: Any, name: str = "django.request") -> str:
    """What the formatter makes of what ``log`` says to a logger."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.Logger(name)
    logger.addHandler(handler)
    log(logger)
    return stream.getvalue()


def test_the_docs_show_such_a_record() -> None:
    (block,) = blocks("observability.md", "json")
    shown = json.loads(block)
    token = session_id.set(shown["session_id"])
    try:
        line = logged_by(
            JsonFormatter(),
            lambda logger: logger.info(shown["message"], extra={"code": shown["code"]}),
            shown["logger"],
        )
    finally:
        session_id.reset(token)
    assert list({**json.loads(line), "timestamp": shown["timestamp"]}.items()) == list(shown.items())


def fail(logger: logging.Logger) -> None:
    try:
        try:
            raise KeyError(MARKER)
        except KeyError as error:
            raise ValueError(MARKER) from error
    except ValueError:
        logger.exception("it failed")


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
def test_a_traceback_has_the_code_and_the_causes_and_not_what_they_say(formatter: logging.Formatter) -> None:
    shown = logged_by(formatter, fail)
    assert shown.index("builtins.KeyError") < shown.index("builtins.ValueError")
    assert "in fail" in shown
    assert MARKER not in shown


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
@pytest.mark.parametrize("name", ["live.access.keys", "psycopg"])
def test_an_exception_of_a_library_is_named_and_not_quoted(formatter: logging.Formatter, name: str) -> None:
    error = OperationalError(MARKER)
    shown = logged_by(formatter, lambda logger: logger.warning("it failed: %s", error), name)
    assert "it failed: OperationalError" in shown
    error.__cause__ = sqlite3.OperationalError(MARKER)
    error.__cause__.sqlite_errorname = "SQLITE_BUSY"
    shown += logged_by(formatter, lambda logger: logger.warning("it failed: %s", error), name)
    assert "OperationalError (SQLITE_BUSY)" in shown
    assert MARKER not in shown


def test_our_own_exceptions_say_what_is_wrong() -> None:
    shown = logged_by(LineFormatter(), lambda logger: logger.error("no model: %s", CheckpointError("gone")), "live.a")
    assert "no model: gone" in shown


def test_what_fails_in_a_thread_is_logged_and_not_printed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    log_unhandled()

    def fail() -> None:
        raise ValueError(MARKER)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    (record,) = caplog.records
    assert MARKER not in LineFormatter().format(record)
    assert "ValueError" in LineFormatter().format(record)
    assert MARKER not in capfd.readouterr().err


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
def test_a_request_is_named_by_its_route(formatter: logging.Formatter) -> None:
    request = RequestFactory().get(f"/{MARKER}")
    shown = logged_by(
        formatter, lambda logger: logger.error("%s: %s", "Server Error", request.path, extra={"request": request})
    )
    assert "Server Error: other" in shown
    assert MARKER not in shown


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
def test_a_host_of_another_name_is_one_line_without_it(formatter: logging.Formatter) -> None:
    def log(logger: logging.Logger) -> None:
        try:
            RequestFactory().get("/", headers={"Host": f"{MARKER}.example"}).get_host()
        except SuspiciousOperation as error:
            logger.error(str(error), exc_info=error)

    shown = logged_by(formatter, log, "django.security.DisallowedHost")
    assert len(shown.splitlines()) == 1
    assert "refused: DisallowedHost" in shown
    assert "Traceback" not in shown
    assert MARKER not in shown


@pytest.mark.parametrize("formatter", [LineFormatter(), JsonFormatter()])
def test_daphne_names_no_client(formatter: logging.Formatter) -> None:
    def log(logger: logging.Logger) -> None:
        logger.warning("%s took too long", f"<WebSocketProtocol client=['10.0.0.7', 1] path='/{MARKER}'>")
        try:
            raise ValueError(f"{MARKER}\n{MARKER}")
        except ValueError:
            logger.error(traceback.format_exc())

    shown = logged_by(formatter, log, "daphne.http_protocol")
    assert "<WebSocketProtocol> took too long" in shown
    assert "in log" in shown
    assert MARKER not in shown


def test_lines_and_objects_name_the_session() -> None:
    token = session_id.set("abc")
    try:
        assert " django.request [abc]: hello" in logged_by(LineFormatter(), lambda logger: logger.error("hello"))
        shown = json.loads(logged_by(JsonFormatter(), lambda logger: logger.error("hello")))
    finally:
        session_id.reset(token)
    assert (shown["session_id"], shown["level"], shown["message"]) == ("abc", "ERROR", "hello")
    assert shown["timestamp"].endswith("+00:00")


def test_of_each_kind_of_refusal_one_record_a_minute_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000.0]
    monkeypatch.setattr("live.monitoring.logs.time.monotonic", lambda: clock[0])
    refusals = RefusalFilter()

    def kept(logger: str) -> bool:
        return bool(refusals.filter(logging.LogRecord(logger, logging.ERROR, "", 0, "whatever was sent", (), None)))

    host, csrf = "django.security.DisallowedHost", "django.security.csrf"
    assert [kept(name) for name in (host, host, csrf, "live.http.api", "live.http.api")] == [
        True,
        False,
        True,
        True,
        True,
    ]
    clock[0] += 59
    assert not kept(host)
    clock[0] += 1
    assert kept(host)

"""The conformance suite: our own server keeps every promise, and a server that breaks one is found out."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starcast_client.conformance.cli import CHECKS, main, run_all
from starcast_client.conformance.suite import Target
from starcast_client.connecting import socket_url

from model_core.checkpoint import write_config
from model_core.labels import LabelSet
from tests.clients.fake_server import Visit, fake_server
from tests.clients.mutant import KEY, Memory, Message, Mutation, mutant
from tests.labelled import LABEL_SETS, VALUED
from tests.timing import PATIENCE_S
from tests.tiny import tiny_config
from tools.servers import REPOSITORY, RunningServer, start_server

TIMEOUT_S = 2.0
CLIENT_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / "clients/python/src"), "NO_PROXY": "localhost"}


@pytest.fixture(scope="module")
def generous_server(data_dir: Path) -> Iterator[RunningServer]:
    """One that lets the suite run again and again from the same address."""
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_ADDRESS_FACTOR="1000") as server:
        yield server


def test_our_server_keeps_every_promise(fake_server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([fake_server.http, "--timeout", "60"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert status == 0
    assert len(lines) == len(CHECKS) + 1
    assert all(re.match("(PASS|SKIP) ", line) for line in lines[:-1])


@pytest.fixture(scope="module", params=LABEL_SETS.values(), ids=list(LABEL_SETS))
def labelled_server(
    request: pytest.FixtureRequest, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server whose model does not rate films, and that bears fewer malformed messages than usual."""
    labels: LabelSet = request.param
    folder = tmp_path_factory.mktemp("labelled")
    write_config(folder, tiny_config(labels=labels, prior=(1 / len(labels),) * len(labels)), {})
    fake: Any = {"STARCAST_BACKEND": "fake", "STARCAST_CHECKPOINT": str(folder)}
    with start_server(data_dir, **fake, STARCAST_ADDRESS_FACTOR="1000", STARCAST_MAX_MALFORMED="2") as server:
        yield server


def test_our_server_keeps_every_promise_with_other_labels_and_limits(
    labelled_server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main([labelled_server.http, "--timeout", "60"])
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAIL")] == []
    assert status == 0


@pytest.mark.parametrize(
    ("fields", "broken"),
    [
        ({"label": "none of them"}, {"a prediction has a probability", "POST /api/v1/predict gives"}),
        ({"stars": 8}, {"a prediction has a probability", "POST /api/v1/predict gives"}),
        ({"state": "says"}, {"a prediction says its state", "POST /api/v1/predict gives"}),
    ],
    ids=["label", "stars", "state"],
)
@pytest.mark.long
@pytest.mark.parametrize("labelled_server", [VALUED], indirect=True, ids=["three with values"])
async def test_a_server_with_other_labels_that_breaks_a_promise_is_found_out(
    labelled_server: RunningServer, fields: dict[str, Any], broken: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with mutant(labelled_server, with_fields("prediction", **fields)) as url:
        assert await status_of_broken(Target(socket_url(url)), broken, capsys) == 1


def without(kind: str) -> Mutation:
    return Mutation(said=lambda message, _: [] if message["type"] == kind else [message])


def with_fields(kind: str, **fields: object) -> Mutation:
    return Mutation(said=lambda message, _: [message | fields if message["type"] == kind else message])


def answering(path: str, status: int, body: Message | None = None) -> Mutation:
    return Mutation(http=lambda asked, *real: (status, body or {}) if asked == path else real)


def ignoring(kind: str) -> Mutation:
    return Mutation(heard=lambda message, _: [] if message["type"] == kind else [message])


def confirms_and_forgets(message: Message, memory: Memory) -> Sequence[Message]:
    asked = memory.newest("session.update").get("session", {})
    confirmed = {"type": "session.updated", "session": {"min_interval_ms": asked.get("min_interval_ms", 250)}}
    return [confirmed if message["type"] == "session.updated" else message]


def takes_no_options(message: Message, memory: Memory) -> Sequence[Message]:
    value = message.get("session", {}).get("min_interval_ms", 0)
    is_valid = message["type"] == "session.update" and isinstance(value, int) and value >= 0
    return [message | {"session": {}} if is_valid else message]


def keeps_errors_of_explain(message: Message, memory: Memory) -> Sequence[Message]:
    is_of_explain = message["type"] == "error" and bool(memory.heard) and memory.heard[-1]["type"] == "explain"
    return [] if is_of_explain else [message]


def explains_what_is_old(message: Message, memory: Memory) -> Sequence[Message]:
    asked = memory.newest("explain").get("seq")
    explanation: Message = {"type": "explanation", "seq": asked, "method": "late", "spans": []}
    if message["type"] == "pong" and asked is not None and asked < memory.newest("text.update")["seq"]:
        return [explanation, message]
    if message["type"] == "prediction" and asked is not None and asked < message["seq"]:
        return [message, explanation]
    return [message]


def says_nothing_to_people(message: Message, memory: Memory) -> Sequence[Message]:
    return [message | {"error": message["error"] | {"message": ""}} if message["type"] == "error" else message]


def puts_spans_past_the_text(message: Message, memory: Memory) -> Sequence[Message]:
    spans = [span | {"end": span["end"] + 1_000} for span in message.get("spans", ())]
    return [message | {"spans": spans} if message["type"] == "explanation" else message]


def has_no_error_for_many(path: str, status: int, body: Message) -> tuple[int, Message]:
    return (500, {}) if "results" in body else (status, body)


def shifts_ratings(path: str, status: int, body: Message) -> tuple[int, Message]:
    shares = body.get("probabilities")
    return status, body | {"probabilities": [*shares[1:], shares[0]]} if shares else body


def says_nothing_to_people_over_http(path: str, status: int, body: Message) -> tuple[int, Message]:
    return status, body | {"error": body["error"] | {"message": ""}} if "error" in body else body


def says_another_state(path: str, status: int, body: Message) -> tuple[int, Message]:
    return status, body | {"state": "either_way"} if "state" in body else body


TRUTHFUL = Mutation()
WITH_KEYS = Mutation(needs_key=True)
OPTIONS = "session.update is answered by session.updated"
BAD_OPTIONS = "an invalid min_interval_ms"
INTERVAL = "min_interval_ms delays predictions"
CANCEL = "cancel drops the waiting text"
NO_WAIT = "flush does not wait"
UNKNOWN_SEQ = "explain of an unrated seq"
SPANS = "explain is answered by weighted spans"
WORDS = "words have spans"
TWIN_EXPLAINS = "POST /api/v1/explain gives"
TWIN_RATES = "POST /api/v1/predict gives"
STATE = "a prediction says its state"
TWIN_RATES_MANY = "POST /api/v1/predict/batch rates many"
HTTP_ERRORS = "HTTP errors"
MUTANTS = {
    "no session.updated": (without("session.updated"), {OPTIONS, BAD_OPTIONS, INTERVAL, CANCEL, NO_WAIT}),
    "options confirmed and ignored": (
        Mutation(heard=takes_no_options, said=confirms_and_forgets),
        {INTERVAL, CANCEL},
    ),
    "options reset": (with_fields("session.updated", session={"min_interval_ms": 0}), {OPTIONS, BAD_OPTIONS}),
    "no usage": (without("usage.report"), {"usage: the texts", "close: the server tells"}),
    "cancel ignored": (ignoring("cancel"), {CANCEL}),
    "no answer to explain of what was not rated": (
        Mutation(said=keeps_errors_of_explain),
        {UNKNOWN_SEQ, "explain of a refused text"},
    ),
    "no spans": (with_fields("explanation", spans=[]), {WORDS, TWIN_EXPLAINS}),
    "spans past the text": (Mutation(said=puts_spans_past_the_text), {SPANS, WORDS, TWIN_EXPLAINS}),
    "explanations of older texts": (
        Mutation(said=explains_what_is_old),
        {"explain of an older text", "a newer text cancels an explanation"},
    ),
    "empty messages": (Mutation(said=says_nothing_to_people), {"errors have a message"}),
    "interval always 1 to 10": (with_fields("prediction", interval=[1, 10]), {"the interval of a prediction"}),
    "interval of one label": (with_fields("prediction", interval=[7, 7]), {"the interval of a prediction"}),
    "no state": (with_fields("prediction", state=None), {STATE, TWIN_RATES}),
    "always sure": (with_fields("prediction", state="says"), {STATE, TWIN_RATES}),
    "HTTP: another state": (Mutation(http=says_another_state), {TWIN_RATES}),
    "never truncated": (with_fields("prediction", truncated=False), {"a text with more words"}),
    "always truncated": (with_fields("prediction", truncated=True), {"a text with more words"}),
    "key echoed": (Mutation(subprotocol=lambda offered, _: next(iter(offered), None)), {
        "a key in the subprotocols", "the subprotocol starcast.v1 is echoed", "only other subprotocols",
    }),
    "every key accepted": (Mutation(knows_key=lambda _: True), {
        "a wrong key: error", "a wrong key over HTTP", "a key in the subprotocols",
    }),
    "keys refused as if to come back": (Mutation(close_code=lambda code: 4000 if code == 4504 else code), {
        "a wrong key: error", "a key in the subprotocols",
    }),
    "HTTP: wrong numbers": (Mutation(http=shifts_ratings), {TWIN_RATES}),
    "HTTP: many texts fail": (Mutation(http=has_no_error_for_many), {TWIN_RATES_MANY}),
    "HTTP: no explain": (answering("/api/v1/explain", 404), {TWIN_EXPLAINS, HTTP_ERRORS}),
    "HTTP: no model": (answering("/api/v1/model", 404), {"GET /api/v1/model"}),
    "HTTP: another model": (answering("/api/v1/model", 200, {"labels": [1]}), {"GET /api/v1/model"}),
    "HTTP: empty messages": (Mutation(http=says_nothing_to_people_over_http), {HTTP_ERRORS}),
    "no healthz": (answering("/healthz", 404), {"GET /healthz"}),
    "no readyz": (answering("/readyz", 404), {"GET /readyz"}),
    "no OpenAPI": (answering("/api/openapi.json", 404), {"OpenAPI 3 and AsyncAPI 3"}),
    "no AsyncAPI": (answering("/api/asyncapi.json", 200, {"asyncapi": "2.6.0"}), {"OpenAPI 3 and AsyncAPI 3"}),
    "the truth": (TRUTHFUL, set()),
}  # fmt: skip


ONE_OF_EACH_KIND = {
    "no spans",
    "cancel ignored",
    "key echoed",
    "every key accepted",
    "HTTP: wrong numbers",
    "the truth",
}
"""The mutants of each run of the tests; the others differ from them in what they break, and not in how."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ONE_OF_EACH_KIND else pytest.mark.long) for name in MUTANTS]
)
async def test_a_server_that_breaks_one_promise_fails_that_check_alone(
    generous_server: RunningServer, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mutation, broken = MUTANTS[name]
    async with mutant(generous_server, mutation) as url:
        status = await status_of_broken(Target(socket_url(url)), broken, capsys)
    assert status == bool(broken)


@pytest.mark.parametrize(
    ("mutation", "broken"),
    [
        (WITH_KEYS, set()),
        (Mutation(needs_key=True, close_code=lambda code: 4000 if code == 4503 else code), {"no key when one"}),
        (
            Mutation(needs_key=True, http=lambda _, status, body: (400 if status == 401 else status, body)),
            {"no key over HTTP", "a wrong key over HTTP"},
        ),
    ],
)
async def test_a_server_that_asks_for_keys_is_held_to_what_it_says_without_one(
    generous_server: RunningServer, mutation: Mutation, broken: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    async with mutant(generous_server, mutation) as url:
        await status_of_broken(Target(socket_url(url), api_key=KEY), broken, capsys)


async def status_of_broken(target: Target, promises: set[str], capsys: pytest.CaptureFixture[str]) -> int:
    """Run the suite; check that it finds these promises broken and no others, and return its status.

    On a busy machine, answers may come later than a run waits that is over soon. Then a patient one decides.
    """
    for timeout_s in (TIMEOUT_S, PATIENCE_S):
        status = await run_all(replace(target, timeout_s=timeout_s))
        lines = capsys.readouterr().out.splitlines()
        failed = [line.removeprefix("FAIL ") for line in lines if line.startswith("FAIL")]
        unexpected = [line for line in failed if not line.startswith(tuple(promises))]
        kept = {promise for promise in promises if not any(line.startswith(promise) for line in failed)}
        if not unexpected and not kept:
            break
    assert (unexpected, kept) == ([], set())
    return status


async def test_a_server_that_breaks_promises_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    async def careless(visit: Visit) -> None:
        await visit.greet(labels=[1, 2, 3])
        async for frame in visit.connection:
            # Answers everything, in the order of a queue that was put in backwards.
            seq = json.loads(frame).get("seq", 0) if isinstance(frame, str) and frame.startswith('{"') else 0
            await visit.say(type="prediction", seq=-seq)

    async with fake_server(careless) as server:
        status = await run_all(Target(f"{server.url}/ws/v1/classify/", timeout_s=0.2))
    lines = capsys.readouterr().out.splitlines()
    assert status == 1
    broken = [line for line in lines if line.startswith("FAIL")]
    assert any("labels" in line and "got [1, 2, 3]" in line for line in broken)
    assert len(broken) > len(CHECKS) / 2


def test_without_a_server_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ws://localhost:1"]) == 2
    assert "no server at ws://localhost:1" in capsys.readouterr().err


def test_a_wrong_key_is_one_line(fake_server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([fake_server.http, "--key", "sc_wrong"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert re.fullmatch(r".* key_invalid: .*\n", output.err)
    assert "sc_wrong" not in output.err


async def test_a_key_that_is_missing_is_one_line(
    generous_server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    async with mutant(generous_server, WITH_KEYS) as url:
        assert await run_all(Target(socket_url(url), timeout_s=TIMEOUT_S)) == 2
    assert "key_missing" in capsys.readouterr().err


def test_a_reader_that_leaves_gets_no_traceback(fake_server: RunningServer) -> None:
    command = [sys.executable, "-m", "starcast_client.conformance.cli", fake_server.http]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=CLIENT_ENVIRONMENT) as suite:
        assert suite.stdout is not None
        assert suite.stderr is not None
        suite.stdout.readline()
        suite.stdout.close()
        assert suite.stderr.read() == b""
    assert suite.returncode == 2


def test_the_key_of_a_target_is_not_in_its_repr() -> None:
    assert "sc_secret" not in repr(Target("ws://localhost:1", "sc_secret"))


def test_promises_are_named_once() -> None:
    promises = [check.promise for check in CHECKS]
    assert len(set(promises)) == len(promises)

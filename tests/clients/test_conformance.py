"""The conformance suite: our own server keeps every promise, and a server that does not is found out."""

import json
import re

import pytest
from starcast_client.conformance.cli import CHECKS, main, run_all
from starcast_client.conformance.suite import Target

from tests.clients.fake_server import Visit, fake_server
from tests.servers import RunningServer


def test_our_server_keeps_every_promise(fake_server: RunningServer, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([fake_server.http, "--timeout", "60"])
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("FAIL")] == []
    assert status == 0
    assert len(lines) == len(CHECKS) + 1
    assert all(re.match("(PASS|SKIP) ", line) for line in lines[:-1])


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


def test_promises_are_named_once() -> None:
    promises = [check.promise for check in CHECKS]
    assert len(set(promises)) == len(promises)

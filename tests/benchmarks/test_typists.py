"""The simulator against a connection in the process, and once against a real server with the fake model."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.load.keystrokes import Key, Trace
from benchmarks.load.typist import ScenarioError, Window, run_scenario
from benchmarks.peers.base import Answer, Connection
from benchmarks.servers import Usage
from benchmarks.typists import main


class Echo:
    """A connection that answers at once, but refuses or ignores the texts it is told to, or ends at one."""

    def __init__(
        self,
        refuse: frozenset[int] = frozenset(),
        ignore_from: float = float("inf"),
        end_at: int | None = None,
    ) -> None:
        self.sent: list[tuple[int, str]] = []
        self._refuse = refuse
        self._ignore_from = ignore_from
        self._end_at = end_at
        self._answers: asyncio.Queue[Answer | None] = asyncio.Queue()

    async def send(self, seq: int, text: str) -> None:
        self.sent.append((seq, text))
        if seq == self._end_at:
            self._answers.put_nowait(None)
        elif seq < self._ignore_from:
            self._answers.put_nowait(Answer(seq, refused=seq in self._refuse))

    async def answers(self) -> AsyncIterator[Answer]:
        while (answer := await self._answers.get()) is not None:
            yield answer
        raise ConnectionError("ended")

    async def close(self) -> None:
        pass


def usage() -> Usage:
    return Usage(time.process_time(), 1)


def typed(*dues_s: float) -> Trace:
    return Trace("opening", iter([Key(due_s, f"text {number}") for number, due_s in enumerate(dues_s, 1)]))


WINDOW = Window(warmup_s=0.1, duration_s=0.2, grace_s=2.0)


async def run(connection: Connection, trace: Trace, window: Window = WINDOW) -> tuple[int, int, int, int]:
    """Keys, latencies, lost and disconnected of one typist."""

    async def connect() -> Connection:
        return connection

    outcome = await run_scenario(connect, [trace], window, usage)
    return outcome.tally.keys, len(outcome.tally.latencies), outcome.lost, outcome.disconnected


async def test_every_key_goes_out_but_only_those_of_the_window_count() -> None:
    echo = Echo()
    assert await run(echo, typed(0.05, 0.15, 0.25, 0.35)) == (2, 2, 0, 0)
    assert echo.sent == [(0, "opening"), (1, "text 1"), (2, "text 2"), (3, "text 3")]


async def test_a_newest_key_without_an_answer_is_lost_and_its_latency_counts() -> None:
    window = Window(warmup_s=0.1, duration_s=0.2, grace_s=0.1)
    assert await run(Echo(ignore_from=2), typed(0.05, 0.15, 0.25), window) == (2, 2, 1, 0)


async def test_a_refused_newest_text_is_sent_again_and_that_answer_settles_the_key() -> None:
    echo = Echo(refuse=frozenset({2}))
    assert await run(echo, typed(0.05, 0.15)) == (1, 1, 0, 0)
    assert echo.sent[-2:] == [(2, "text 2"), (3, "text 2")]


async def test_after_its_connection_ended_a_typist_goes_on_typing_and_no_key_is_answered() -> None:
    echo = Echo(end_at=1)
    window = Window(warmup_s=0.1, duration_s=0.2, grace_s=0.1)
    assert await run(echo, typed(0.15, 0.25), window) == (2, 2, 1, 1)


async def test_a_server_that_refuses_typists_fails_the_scenario() -> None:
    async def connect() -> Connection:
        raise ConnectionRefusedError("nobody is there")

    with pytest.raises(ScenarioError, match="nobody is there"):
        await run_scenario(connect, [typed(0.1), typed(0.1)], WINDOW, usage)


@pytest.mark.long
@pytest.mark.ci
def test_two_typists_at_a_real_server_get_all_their_newest_keys_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    options = ["--peers", "starcast", "--typists", "2", "--duration-s", "2", "--warmup-s", "0.2"]
    assert main([*options, "--output", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "typists.json").read_text())
    assert [record["kind"] for record in figures["scenarios"]] == ["short", "long"]
    for record in figures["scenarios"]:
        assert record["server"].startswith("Starcast loaded fake")
        assert record["keys"] > 5
        assert record["lost_last_keys"] == record["disconnected"] == 0
        assert record["latency_ms"]["p50"] > 0
        assert record["server_rss_mib"] > 10


@pytest.mark.long
def test_the_search_writes_the_limit_and_every_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    options = ["--peers", "starcast", "--kinds", "short", "--find-limit", "--most-typists", "2", "--limit-ms", "60000"]
    assert main([*options, "--duration-s", "1", "--warmup-s", "0.1", "--output", str(tmp_path)]) == 0
    (limit,) = json.loads((tmp_path / "limits.json").read_text())["limits"]
    assert limit["typists"] == 2
    assert [run["typists"] for run in limit["runs"]] == [1, 2]


@pytest.mark.parametrize("wrong", [["--peers", "flask"], ["--typists", "0"], ["--kinds", "medium"]])
def test_options_that_name_nothing_are_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)

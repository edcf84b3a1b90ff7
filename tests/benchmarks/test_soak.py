"""The soak, for some seconds at a real server with the fake model; and what it calls growth."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.soak import Sample, grown, main

QUIET = Sample(at_s=0, rss_mib=100, descriptors=10, threads=5, tasks=3)
BUSY = replace(QUIET, rss_mib=150, descriptors=60, threads=6, tasks=103)


@pytest.mark.long
def test_typists_come_and_go_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    status = main(["--minutes", "0.2", "--crowd", "5", "--every-s", "2", "--output", str(tmp_path)])
    assert status == 0, capsys.readouterr().out
    figures = json.loads((tmp_path / "soak.json").read_text())
    assert figures["visits"] > 5
    assert figures["keys"] > 20
    assert figures["samples"][1]["tasks"] > figures["samples"][0]["tasks"]
    assert figures["grown"] == []


def test_a_busy_server_has_not_grown() -> None:
    assert grown([QUIET, *[BUSY] * 9, replace(QUIET, rss_mib=140)]) == []


@pytest.mark.parametrize("name", ["descriptors", "threads", "tasks"])
def test_what_is_left_behind_is_named(name: str) -> None:
    left = replace(QUIET, **{name: getattr(QUIET, name) + 1})
    assert [each.split(":")[0] for each in grown([QUIET, *[BUSY] * 9, left])] == [name]


def test_memory_that_goes_on_growing_is_named() -> None:
    busy = [replace(BUSY, rss_mib=150 + 5 * number) for number in range(9)]
    assert grown([QUIET, *busy, QUIET]) == ["memory: 170 MiB in the second third, 185 MiB in the last"]

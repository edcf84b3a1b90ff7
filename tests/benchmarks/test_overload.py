"""Typists alone and beside crowds, at a real server with the fake model."""

import json
from pathlib import Path

import pytest

from benchmarks.crowd import KINDS
from benchmarks.overload import ALONE, main


@pytest.mark.long
def test_it_measures_typists_alone_and_beside_crowds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    # So little that pasters are beyond it, however fast the fake is.
    monkeypatch.setenv("STARCAST_WORK_BURST", "2000")
    beside = [ALONE, "paste", "flood", "school"]
    arguments = [
        "--beside",
        *beside,
        "--rounds",
        "1",
        "--typists",
        "2",
        "--connections",
        "20",
        "--duration-s",
        "0.5",
        "--warmup-s",
        "0.5",
        # At the lowest priority a crowd gets no time on a busy machine.
        "--niceness",
        "0",
    ]
    assert main([*arguments, "--arriving-s", "2", "--output", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "overload.json").read_text())
    runs = {run["beside"]: run for run in figures["runs"]}
    assert list(runs) == beside
    assert all(run["lost_last_keys"] == 0 and run["keys"] > 0 for run in runs.values())
    assert "crowd" not in runs[ALONE]
    assert runs["paste"]["crowd"]["answers"] > 0
    assert runs["paste"]["crowd"]["refusals"]["rate_limited"] > 0
    assert runs["flood"]["crowd"]["refusals"]["rate_limited"] > 0
    assert runs["flood"]["crowd"]["refused_after_ms"]["p50"] > 0
    assert runs["school"]["crowd"]["answered_after_ms"]["p50"] > 0
    assert all(0 < run["crowd"]["cpu_share"] < 1 for run in runs.values() if "crowd" in run)


@pytest.mark.long
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("paste", "flood", "school")])
def test_it_measures_typists_beside_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    times = ["--duration-s", "0.5", "--warmup-s", "0.5", "--arriving-s", "2", "--rounds", "1", "--niceness", "0"]
    assert main(["--beside", kind, "--typists", "2", *times, "--output", str(tmp_path)]) == 0
    (run,) = json.loads((tmp_path / "overload.json").read_text())["runs"]
    crowd = run["crowd"]
    assert run["beside"] == kind
    assert "500" not in crowd["refusals"]
    assert crowd["answers"] or crowd["refusals"] or crowd["closed"] or kind in ("pings", "fragments", "messages")
    assert 0 < crowd["cpu_share"] < 1.2

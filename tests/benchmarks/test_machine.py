"""Where figures come from, and the cores that a measurement keeps to."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.machine import begin, on_cores, parse_cores, write_json


def test_it_prints_and_returns_machine_versions_and_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STARCAST_CACHE_MB", "64")
    monkeypatch.setenv("STARCAST_SECRET_KEY", "do-not-tell")
    about = begin("benchmarks.idle", ["--connections", "7"])
    printed = capsys.readouterr().out
    assert about["command"] == "python -m benchmarks.idle --connections 7"
    assert about["command"] in printed
    assert about["machine"]["cores"] == os.cpu_count()
    assert {"python", "websockets", "onnxruntime"} <= about["versions"].keys()
    assert about["environment"]["STARCAST_CACHE_MB"] == "64"
    assert "do-not-tell" not in printed + json.dumps(about)


def test_figures_are_written_whole(tmp_path: Path) -> None:
    for number in (1, 2):
        write_json(tmp_path / "new", "figures.json", {"number": number})
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["figures.json"]
    assert json.loads((tmp_path / "new" / "figures.json").read_text()) == {"number": 2}


def test_cores_are_listed_one_by_one_or_as_ranges() -> None:
    usable = sorted(os.sched_getaffinity(0))
    assert parse_cores(",".join(map(str, usable))) == frozenset(usable)
    assert parse_cores(f"{usable[0]}-{usable[0]}") == frozenset(usable[:1])


@pytest.mark.parametrize("listed", ["", "a", "3-1", "9999"])
def test_invalid_and_unavailable_cores_are_refused(listed: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="names no cores"):
        parse_cores(listed)


def test_a_process_started_on_cores_stays_there_and_we_go_back() -> None:
    before = os.sched_getaffinity(0)
    first = frozenset(sorted(before)[:1])
    with on_cores(first):
        told = subprocess.check_output([sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"], text=True)
    assert told.strip() == str(set(first))
    assert os.sched_getaffinity(0) == before
    with on_cores(None):
        assert os.sched_getaffinity(0) == before

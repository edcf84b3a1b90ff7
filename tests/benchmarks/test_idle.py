"""Memory of idle connections, at a real server with the fake model; and the command that runs all benchmarks."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import benchmarks.__main__
from benchmarks.idle import main


@pytest.mark.long
@pytest.mark.ci
def test_it_measures_before_and_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    assert main(["--connections", "60", "--output", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "idle.json").read_text())
    assert figures["connections"] == 60
    assert figures["rss_after_mib"] > 10
    assert figures["server"].startswith("Starcast loaded fake")


def test_more_connections_than_files_are_refused() -> None:
    with pytest.raises(SystemExit):
        main(["--connections", "100000000"])


def test_a_name_runs_that_benchmark_and_none_runs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[str, Sequence[str]]] = []
    for name in list(benchmarks.__main__.NAMES):

        def run(arguments: Sequence[str], name: str = name) -> int:
            called.append((name, arguments))
            return 0

        monkeypatch.setitem(benchmarks.__main__.NAMES, name, run)
    assert benchmarks.__main__.main(["idle", "--connections", "7"]) == 0
    assert called == [("idle", ["--connections", "7"])]
    called.clear()
    assert benchmarks.__main__.main(["--output", "here"]) == 0
    names = [name for name, _ in called]
    assert names == [
        "forward",
        "layers",
        "explanations",
        "runtimes",
        "typists",
        "typists",
        "overload",
        "idle",
        "page",
        "report",
    ]
    assert all("here" in arguments for _, arguments in called)

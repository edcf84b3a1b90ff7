"""The costs of the pages, measured once, and the live page's budget, as far as it does not depend on speed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.page import BUDGET_BYTES, DEVICES, Budget, main, median, over_budget
from tests.conftest import require_program
from tools.chromium import NAMES


@pytest.mark.long
def test_each_page_is_measured_and_the_live_one_keeps_to_its_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_program(*NAMES)
    monkeypatch.setenv("STARCAST_BACKEND", "fake")
    monkeypatch.setattr("benchmarks.page._TEXT", "A fine film.")
    monkeypatch.setattr("benchmarks.page._PASTE", "A review of very many words. " * 40)
    monkeypatch.setattr("benchmarks.page._KEY_INTERVAL_MS", 1)
    # Bytes are the same on all; another device would only take as long again.
    unthrottled = replace(DEVICES[1], cpu_slowdown=1, latency_ms=0, bytes_per_s=-1)
    monkeypatch.setattr("benchmarks.page.DEVICES", [unthrottled])
    assert main(["--loads", "1", "--output", str(tmp_path)]) == 0
    written = json.loads((tmp_path / "page.json").read_text())
    assert "chromium" in written["versions"]
    assert set(written["pages"]) == {"/", "/ru/", "/model/", "/about/", "/widget/"}
    for path, devices in written["pages"].items():
        for figures in devices.values():
            assert 1_000 < figures["bytes"] <= BUDGET_BYTES
            assert figures["requests"] >= 3
            assert figures["first_paint_ms"] > 0
            # From 0.25 on Lighthouse calls it poor, though it leaves out what moves after a key.
            assert figures["layout_shift"] < 0.25, path
    for figures in written["pages"]["/"].values():
        assert 0 < figures["key_p50_ms"] <= figures["key_p95_ms"]
        assert figures["first_bars_ms"] > 0
        assert figures["main_thread_ms_per_key"] > 0
        assert figures["paste_longest_frame_ms"] > 0
        assert figures["watched_p50_ms"] >= 0


def test_each_figure_has_its_own_median() -> None:
    runs = [{"bytes": 5, "requests": 1}, {"bytes": 1, "requests": 9}, {"bytes": 3, "requests": 3}]
    assert median(runs) == {"bytes": 3, "requests": 3}


def test_a_figure_above_its_budget_is_named_with_the_budget() -> None:
    budget = Budget(first_paint_ms=900, blocking_ms=150, key_p95_ms=100)
    within = {"first_paint_ms": 900, "blocking_ms": 0, "key_p95_ms": 35.5, "layout_shift": 0.1, "bytes": BUDGET_BYTES}
    assert over_budget(within, budget) == []
    assert over_budget({**within, "key_p95_ms": 120.5, "layout_shift": 0.2}, budget) == [
        "key_p95_ms is 120.5, 100 at the most",
        "layout_shift is 0.2, 0.1 at the most",
    ]
    without_keys = {name: figure for name, figure in within.items() if name != "key_p95_ms"}
    assert over_budget(without_keys, budget) == []


def test_a_page_above_its_budget_fails_the_run_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = {"first_paint_ms": 5_000, "blocking_ms": 0, "layout_shift": 0, "bytes": 1_000}
    found = {"/about/": {device.name: slow for device in DEVICES}}
    monkeypatch.setattr("benchmarks.page._measure_all", lambda *_: found)
    monkeypatch.setattr("benchmarks.page.shutil.which", lambda _: "chromium")
    assert main(["--output", str(tmp_path)]) == 0
    assert main(["--output", str(tmp_path), "--budget"]) == 1
    assert "over budget: /about/ desktop: first_paint_ms is 5000, 934 at the most" in capsys.readouterr().out


def test_without_chromium_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert main([]) == 1
    assert "chromium is not installed" in capsys.readouterr().err

"""Tables and pictures of figures that are made up."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks.report import ReportError, main, read_figures, report, table

ABOUT: dict[str, Any] = {
    "command": "python -m benchmarks",
    "machine": {"processor": "Z80", "cores": 1, "memory_gib": 0.1, "system": "CP/M 2.2", "load_1_minute": 0.0},
    "versions": {"python": "3.11.7", "daphne": "4.2.3"},
    "environment": {"STARCAST_CACHE_MB": "64"},
}


def scenario(peer: str, kind: str, typists: int, p95: float | None, lost: int = 0) -> dict[str, Any]:
    latency = {"p50": 7.25, "p95": p95, "p99": 1234.5, "max": 2000.0}
    return {
        "peer": peer,
        "kind": kind,
        "typists": typists,
        "latency_ms": latency,
        "client_lateness_ms": latency,
        "answers_per_s": 61.0,
        "lost_last_keys": lost,
        "server_cpu_s": 3.2,
        "server_rss_mib": 151.0,
    }


FIGURES: dict[str, dict[str, Any]] = {
    "typists": {
        **ABOUT,
        "floor": [{"kind": "short", "whole": {"p50": 3.0, "p95": 4.0, "p99": 5.0, "max": 6.0, "passes": 9}}],
        "scenarios": [
            *(scenario("starcast", kind, typists, 10.0 * typists) for kind in ("short", "long") for typists in (1, 4)),
            scenario("tutorial", "short", 1, 800.0),
            scenario("tutorial", "short", 4, 9_000.0, lost=3),
            scenario("tutorial", "long", 1, None),
            {"peer": "gradio", "kind": "long", "typists": 4, "failed": "of 4 typists 2 arrived"},
        ],
    },
    "limits": {
        **ABOUT,
        "options": {"limit_ms": 100.0},
        "limits": [
            {"peer": "starcast", "kind": "short", "typists": 1024, "runs": []},
            {"peer": "starcast", "kind": "long", "typists": 60, "runs": []},
            {"peer": "tutorial", "kind": "short", "typists": 2, "runs": []},
        ],
    },
    "forward": {
        **ABOUT,
        "lengths": {
            tokens: {
                name: {"median_ms": cost, "p10_ms": 0.9 * cost, "p90_ms": 1.3 * cost}
                for name, cost in (("engine", int(tokens) / 8), ("typing", 1.5), ("pytorch", int(tokens) / 2))
            }
            for tokens in ("8", "64", "512")
        },
        "batch": {"texts": 64, "rounds": 5, "texts_per_s": {"classify": 310.5, "sorted loop": 250.0}},
        "first_answer": {"total": 0.812, "import": 0.4, "load": 0.3, "rate": 0.01},
    },
    "layers": {
        **ABOUT,
        "lengths": [{"tokens": 64}, {"tokens": 512}],
        "layers_us": {"the engine's queue": [321.4, 300.0], "a key": [6_021.7, 9_500.0]},
    },
    "explanations": {
        **ABOUT,
        "lengths": [
            {"words": 60, "texts": 20, "parts": {"all words": {"median_ms": 214.4, "max_ms": 1_301.2}}},
        ],
    },
    "overload": {
        **ABOUT,
        "typists": 8,
        "runs": [
            {"beside": "alone", **scenario("starcast", "short", 8, 9.5)},
            {
                "beside": "paste",
                **scenario("starcast", "short", 8, 21.5),
                "crowd": {
                    "answers": 321,
                    "refusals": {"overloaded": 9_876},
                    "refused_after_ms": {"p50": 4.5, "p95": 24.25, "p99": 31.0, "max": 99.0},
                },
            },
        ],
    },
    "runtimes": {
        **ABOUT,
        "texts": 7,
        "served": "int8",
        "lengths": {"16": {"int8": 2.5, "float32": 4.25}, "512": {"int8": 55, "float32": 120}},
        "differences": {
            "int8": {"mean_stars": 0.0417, "max_stars": 0.319},
            "float32": {"mean_stars": 0, "max_stars": 0},
        },
        "pairs": {"in turn": {"16": 5.5}, "side by side": {"16": 4.75}},
    },
    "idle": {
        **ABOUT,
        "connections": 1000,
        "rss_before_mib": 100.0,
        "rss_after_mib": 150.0,
        "kib_per_connection": 51.2,
    },
    "page": {
        **ABOUT,
        "loads": 5,
        "pages": {
            "/": {
                "phone": {
                    "bytes": 45_612,
                    "requests": 23,
                    "first_paint_ms": 180.4,
                    "first_bars_ms": 1_262.3,
                    "key_p50_ms": 23.6,
                    "key_p95_ms": 33.3,
                    "main_thread_ms_per_key": 4.25,
                    "paste_longest_frame_ms": 16.7,
                    "watched_p50_ms": 81.4,
                    "blocking_ms": 2,
                    "layout_shift": 0.0034,
                }
            },
            "/about/": {
                "phone": {
                    "bytes": 9_000,
                    "requests": 5,
                    "first_paint_ms": 150,
                    "blocking_ms": 0,
                    "layout_shift": 0,
                }
            },
        },
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, figures in FIGURES.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(figures))
    return tmp_path


def test_a_table_has_as_many_columns_in_each_line() -> None:
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |"


def test_every_table_of_the_report_is_rectangular(folder: Path) -> None:
    written = report(read_figures(folder))
    for part in written.split("\n\n"):
        if part.startswith("|"):
            assert len({line.count("|") for line in part.splitlines()}) == 1


def test_the_figures_are_in_the_tables(folder: Path) -> None:
    written = report(read_figures(folder))
    for row in (
        "| bare pass, whole | – | 3.0 | 4.0 | 5.0 | 6.0 | – | – | – | – | – |",
        "| starcast | 4 | 7.2 | 40.0 | 1,234.5 | 2,000.0 | 61.0 | 0 | 3.2 | 151 | 1,234.5 |",
        "| tutorial | 4 | 7.2 | 9,000.0 | 1,234.5 | 2,000.0 | 61.0 | 3 | 3.2 | 151 | 1,234.5 |",
        "| gradio | 4 | failed | – | – | – | – | – | – | – | – |",
        "| starcast | 1,024 | 60 |",
        "| tutorial | 2 | – |",
        "| 64 | 8.00 | 1.50 | 32.00 |",
        "| classify | 310.5 |",
        "| a key | 6,022 | 9,500 |",
        "| total | 0.81 |",
        "| **int8** | 2.50 | 55.00 | 0.0417 | 0.3190 |",
        "| side by side | 4.75 |",
        "| 1000 | 100.0 | 150.0 | 51.2 |",
        "| / | phone | 45.6 | 23 | 180 | 1,262 | 24 | 33 | 4.2 | 17 | 81 | 2 | 0.003 |",
        "| /about/ | phone | 9.0 | 5 | 150 | – | – | – | – | – | – | 0 | 0.000 |",
    ):
        assert row in written
    assert "Z80, 1 core," in written
    assert "STARCAST_CACHE_MB=64 python -m benchmarks" in written


def test_what_was_not_measured_is_left_out(folder: Path) -> None:
    (folder / "typists.json").unlink()
    assert "from key to answer" not in report(read_figures(folder))


def test_a_folder_without_figures_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    assert "run the benchmarks" in capsys.readouterr().err
    (tmp_path / "idle.json").write_text("{")
    with pytest.raises(ReportError, match="not JSON"):
        read_figures(tmp_path)


def test_it_draws_two_small_pictures(folder: Path) -> None:
    assert main([str(folder), "--pictures", str(folder / "images")]) == 0
    assert {path.name for path in (folder / "images").iterdir()} == {"cost.png", "latency.png"}
    for path in (folder / "images").iterdir():
        assert path.stat().st_size < 80_000
        with Image.open(path) as image:
            assert image.width == 1440
            assert len(set(image.convert("RGB").resize((200, 120)).tobytes())) > 20, "nothing is drawn"


def test_the_overload_table_says_what_became_of_the_others_texts() -> None:
    tables = report({"overload": FIGURES["overload"]})
    assert "| alone | 7.2 | 9.5 | 1,234.5 | 0 | – | – | – | – | – |" in tables
    assert "| paste | 7.2 | 21.5 | 1,234.5 | 0 | 321 | 9,876 overloaded | 4.5 | 24.2 | 31.0 |" in tables

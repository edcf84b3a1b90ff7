"""The figures that the page about the model shows."""

import json
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from live.pages.model_page import METRICS_FILE, model_card
from model_core.errors import CheckpointError

SHIPPED: Path = settings.STARCAST_CHECKPOINT
METRICS = json.loads((SHIPPED / METRICS_FILE).read_text())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint without weights and without figures."""
    shutil.copy(SHIPPED / "config.json", tmp_path)
    return tmp_path


def test_the_figures_of_the_shipped_model_are_those_of_its_metrics() -> None:
    figures = model_card(SHIPPED)["figures"]
    assert figures["accuracy"] == pytest.approx(100 * METRICS["full"]["accuracy"])
    assert figures["reviews"] == METRICS["full"]["reviews"]
    assert [row["tokens"] for row in figures["prefix"]] == [int(tokens) for tokens in METRICS["prefix"]]
    assert {other["kind"] for other in figures["others"]} == {"tfidf", "tfidf_prefix"}


def test_all_that_the_card_of_the_checkpoint_says_is_there_where_others_are_ahead_too() -> None:
    figures = model_card(SHIPPED)["figures"]
    full = METRICS["full"]
    assert (figures["macro_f1"], figures["kappa"], figures["nll"]) == (full["macro_f1"], full["qwk"], full["nll"])
    assert figures["whole_calibration_error"] == pytest.approx(100 * full["ece"])
    for other in figures["typing_others"]:
        assert other["accuracy"] == pytest.approx(100 * METRICS["competitor"][other["kind"]]["typing"]["accuracy"])
    compared = METRICS["int8_against_float"]
    assert figures["int8"]["reviews"] == compared["reviews"]
    assert [row["tokens"] for row in figures["int8"]["rows"]] == [None, 8, 32, 128]
    assert figures["int8"]["rows"][0]["agreement"] == pytest.approx(100 * compared["whole"]["agreement"])


def test_a_model_whose_small_weights_were_not_compared_is_shown_without_that(folder: Path) -> None:
    alone = {name: part for name, part in METRICS.items() if name != "int8_against_float"}
    (folder / METRICS_FILE).write_text(json.dumps(alone))
    assert model_card(folder)["figures"]["int8"] is None


def test_each_row_of_the_confusion_is_percent() -> None:
    for row in model_card(SHIPPED)["figures"]["confusion"]:
        assert sum(cell["percent"] for cell in row["cells"]) == pytest.approx(100, abs=4)
        assert all(0 <= cell["shade"] <= 10 for cell in row["cells"])


def test_the_charts_have_a_point_for_each_figure_and_stay_within_their_frame() -> None:
    figures = model_card(SHIPPED)["figures"]
    for line in figures["prefix_chart"].lines:
        assert len(line.dots) == len(METRICS["prefix"]) + 1
    for chart in (figures["prefix_chart"], figures["reliability_chart"]):
        for line in chart.lines:
            for x, y in line.dots:
                assert chart.left <= float(x) <= chart.right
                assert chart.top <= float(y) <= chart.bottom


def test_a_checkpoint_without_figures_has_a_name_all_the_same(folder: Path) -> None:
    card = model_card(folder)
    assert card["figures"] is None
    assert card["model"]["name"] == "starcast-electra-6x384"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"full": 1}', '{"full": {"intervals": null}}'])
def test_figures_that_are_not_whole_are_left_out_and_said_to_the_operator(
    folder: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / METRICS_FILE).write_text(content)
    assert model_card(folder)["figures"] is None
    assert METRICS_FILE in caplog.text


def test_a_model_that_was_compared_with_nothing_is_shown_alone(folder: Path) -> None:
    alone = {name: part for name, part in METRICS.items() if name != "competitor"}
    (folder / METRICS_FILE).write_text(json.dumps(alone))
    figures = model_card(folder)["figures"]
    assert figures["others"] == []
    assert [line.kind for line in figures["prefix_chart"].lines] == ["starcast"]


def test_a_checkpoint_that_changed_is_read_anew(folder: Path) -> None:
    version = model_card(folder)["model"]["version"]
    config = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(config.replace(version, "2099.01.01"), encoding="utf-8")
    assert model_card(folder)["model"]["version"] == "2099.01.01"


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        model_card(tmp_path)

from pathlib import Path

import pytest

from model_core.checkpoint import read_config
from training.card import main, renew
from training.evaluate import DEFAULT_CHECKPOINT
from training.report import ReportError, read_metrics

REPOSITORY = Path(__file__).parents[2]
CHECKPOINT = REPOSITORY / DEFAULT_CHECKPOINT


@pytest.mark.parametrize("page", [CHECKPOINT / "README.md", REPOSITORY / "README.md"], ids=["card", "readme"])
def test_the_pages_have_the_figures_of_the_shipped_model(page: Path) -> None:
    written = page.read_text(encoding="utf-8")
    assert renew(written, read_metrics(CHECKPOINT / "metrics.json")) == written


def test_the_figures_are_those_of_the_shipped_files() -> None:
    config, _ = read_config(CHECKPOINT)
    judged = read_metrics(CHECKPOINT / "metrics.json")["model"]
    assert (judged["version"], judged["sha256"]) == (config.version, config.sha256["model.int8.data"])


def test_what_stands_around_the_figures_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- short -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    assert main([str(CHECKPOINT / "metrics.json"), str(page)]) == 0
    before, *figures, after = page.read_text(encoding="utf-8").splitlines()
    assert (before, after) == ("before", "after")
    assert "old" not in figures
    assert any(line.startswith("| within one class | ") for line in figures)


def test_a_page_without_a_place_for_figures_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ReportError, match="there is no"):
        renew("nothing here", {})
    page = tmp_path / "page.md"
    page.write_text("nothing here", encoding="utf-8")
    assert main([str(CHECKPOINT / "metrics.json"), str(page)]) == 1
    assert capsys.readouterr().err.startswith("error: there is no <!-- figures -->")

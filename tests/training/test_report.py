import copy
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tokenizers import Tokenizer

from model_core.checkpoint import TOKENIZER_FILE
from model_core.fake import FakeClassifier
from tests.factories import separable_reviews
from training.evaluate import Scope, evaluate
from training.report import ReportError, draw, main, read_metrics

PICTURES = {"prefix-curve.png", "reliability.png", "confusion.png", "flicker.png"}


@pytest.fixture(scope="session")
def metrics(initial: Path) -> dict[str, Any]:
    """What an evaluation of the fake classifier and of two competitors writes. Not to be changed: copy it first."""
    tokenizer = Tokenizer.from_file(str(initial / TOKENIZER_FILE))
    judged = evaluate(FakeClassifier(), tokenizer, separable_reviews(40, seed=3), Scope(prefixes=10, typed=2))
    competitor = {"tfidf": judged, "tfidf_prefix": judged}
    return copy.deepcopy({**judged, "competitor": competitor, "model": {"name": "fake"}, "split": "test"})


@pytest.fixture(scope="session")
def drawn(metrics: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The pictures of those figures. Drawing is the slow part of these tests."""
    return draw(metrics, tmp_path_factory.mktemp("drawn"))


def written(metrics: dict[str, Any], folder: Path) -> Path:
    path = folder / "metrics.json"
    path.write_text(json.dumps(metrics), encoding="utf-8")
    return path


def test_it_draws_four_small_pictures(drawn: list[Path]) -> None:
    assert {path.name for path in drawn} == PICTURES
    for path in drawn:
        assert path.stat().st_size < 80_000
        with Image.open(path) as image:
            assert image.width == 1440
            assert len(set(image.convert("RGB").resize((200, 120)).tobytes())) > 20, "nothing is drawn"


def test_the_same_figures_give_the_same_bytes_without_a_date(
    metrics: dict[str, Any], drawn: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(written(metrics, tmp_path)), "--output", str(tmp_path / "new" / "images")]) == 0
    again = [Path(line) for line in capsys.readouterr().out.splitlines()]
    for one, other in zip(drawn, again, strict=True):
        assert one.read_bytes() == other.read_bytes()
        with Image.open(one) as image:
            assert set(image.info) <= {"dpi"}


def test_a_model_without_competitors_is_drawn_alone(metrics: dict[str, Any], drawn: list[Path], tmp_path: Path) -> None:
    alone = draw({name: value for name, value in metrics.items() if name != "competitor"}, tmp_path)
    same = {one.name for one, other in zip(alone, drawn, strict=True) if one.read_bytes() == other.read_bytes()}
    assert same == {"confusion.png"}


@pytest.mark.parametrize(
    "missing", [["full", "intervals"], ["confusion"], ["typing"], ["calibration", "bins_all_prefixes"], ["prefix"]]
)
def test_an_old_file_is_one_line(
    metrics: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], missing: list[str]
) -> None:
    old = copy.deepcopy(metrics)
    *path, name = missing
    part = old
    for step in path:
        part = part[step]
    del part[name]
    assert main([str(written(old, tmp_path)), "--output", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith("error: ")
    assert repr(name) in error
    assert "training.evaluate" in error


def test_an_old_competitor_is_refused_too(metrics: dict[str, Any], tmp_path: Path) -> None:
    old = copy.deepcopy(metrics)
    del old["competitor"]["tfidf"]["typing"]["accuracy_by_key"]
    with pytest.raises(ReportError, match="accuracy_by_key"):
        read_metrics(written(old, tmp_path))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"full": 1}', '{"full": null, "competitor": []}'])
def test_a_file_of_something_else_is_one_line(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "metrics.json"
    path.write_text(content, encoding="utf-8")
    assert main([str(path), "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_a_missing_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 1
    assert capsys.readouterr().err.startswith("error: cannot read ")

import shutil
from pathlib import Path

import pytest

from model_core.checkpoint import GOLDEN_FILE, read_config
from model_core.golden import check_golden, read_golden
from model_core.loading import load_classifier
from training.calibrate import main as calibrate
from training.golden import TEXTS, main


def test_the_command_writes_what_the_checkpoint_answers_now(checkpoint: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    (folder / GOLDEN_FILE).write_text("[]")
    assert main([str(folder)]) == 0
    assert [answer.text for answer in read_golden(folder)] == list(TEXTS)
    assert check_golden(load_classifier(folder, threads=1), folder) < 1e-4


def test_calibrating_keeps_the_golden_answers_true(checkpoint: Path, archive: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    config, _ = read_config(folder)
    before = (folder / GOLDEN_FILE).read_text()
    assert calibrate([str(folder), "--data", str(archive), "--validation-share", "0.4", "--threads", "1"]) == 0
    assert read_config(folder)[0].temperature != config.temperature
    assert (folder / GOLDEN_FILE).read_text() != before
    assert check_golden(load_classifier(folder, threads=1), folder) < 1e-4


def test_an_error_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")

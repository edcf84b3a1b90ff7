import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from model_core.checkpoint import read_config
from model_core.loading import load_classifier
from training.calibrate import KNOTS, fit_temperatures, main
from training.evaluation.metrics import Floats, Integers


def sampled(temperature: float, tokens: int, count: int, seed: int) -> tuple[Floats, Integers, Integers]:
    """Logits of a model that should divide them by ``temperature`` at this length, with classes drawn accordingly."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, 8))
    classes = np.array([rng.choice(8, p=row) for row in softmax(logits / temperature, axis=1)])
    return logits, np.full(count, tokens), classes


def test_each_length_gets_the_temperature_that_its_texts_were_drawn_with() -> None:
    wanted = {1: 3.0, 8: 0.7, 64: 1.0, 512: 1.6}
    samples = [sampled(value, tokens, 6000, seed=tokens) for tokens, value in wanted.items()]
    fitted = dict(fit_temperatures(*(np.concatenate(parts) for parts in zip(*samples, strict=True))))
    assert list(fitted) == list(KNOTS)
    for tokens, value in wanted.items():
        assert fitted[tokens] == pytest.approx(value, rel=0.1)


def test_texts_between_two_knots_move_both() -> None:
    fitted = dict(fit_temperatures(*sampled(2.0, 45, 6000, seed=1)))
    assert fitted[32] > 1.5
    assert fitted[64] > 1.5
    assert fitted[4] == 1


def test_lengths_without_texts_keep_their_temperature() -> None:
    fitted = dict(fit_temperatures(*sampled(2.0, 1, 500, seed=1)))
    assert set(fitted.values()) == {fitted[1], 1.0}


def test_the_command_fits_what_is_served_and_keeps_the_rest_of_the_config(
    checkpoint: Path, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    before, architecture = read_config(folder)
    arguments = [str(folder), "--data", str(archive), "--validation-share", "0.4", "--threads", "1"]
    assert main(arguments) == 0
    fitted = json.loads(capsys.readouterr().out)
    after, same = read_config(folder)
    assert fitted == {str(tokens): value for tokens, value in after.temperature}
    assert (after.sha256, after.prior, after.name) == (before.sha256, before.prior, before.name)
    assert {**same, "starcast": 0} == {**architecture, "starcast": 0}
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out) == fitted
    assert load_classifier(folder, threads=1).info.name == "tiny"


def test_an_error_is_one_line_and_leaves_the_temperature(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(checkpoint, tmp_path / "copy"))
    assert main([str(folder), "--data", "/nowhere.tar.gz"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert read_config(folder)[0].temperature == ((1, 1.5),)

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import softmax

from model_core.attention import rate
from model_core.checkpoint import read_config
from model_core.tokenizer import TextTokenizer
from tests.factories import tiny_model, write_tuned
from tests.tiny import tiny_config, tiny_tokenizer
from training.data import DataError
from training.distill import main, rate_by, read_soft_labels, write_soft_labels

TEXTS = ["A good film.", "bad", "the plot was awful " * 20]


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.distill.computes_in_bf16", lambda device: False)


def by_hand(folder: Path, seed: int) -> np.ndarray:
    """Probabilities [texts, 8], one text at a time."""
    config, _ = read_config(folder)
    tokenizer = TextTokenizer.for_config(tiny_tokenizer(), config)
    with torch.inference_mode():
        rows = [rate(tiny_model(seed), [tokenizer.encode(text).input_ids], 0, config)[0].numpy() for text in TEXTS]
    return np.asarray(softmax(rows, axis=1))


def test_several_teachers_give_the_mean_of_their_probabilities(tmp_path: Path) -> None:
    full = write_tuned(tmp_path / "full", seed=1)
    causal = write_tuned(tmp_path / "causal", seed=2, config=tiny_config(attention="block-causal", block=4))
    expected = (by_hand(full, 1) + by_hand(causal, 2)) / 2
    np.testing.assert_allclose(rate_by([full, causal], TEXTS), expected, atol=1e-5)


def test_soft_labels_are_read_as_they_were_written(tmp_path: Path) -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(8), size=3)
    write_soft_labels(tmp_path / "new" / "soft.safetensors", TEXTS, probabilities)
    read = read_soft_labels(tmp_path / "new" / "soft.safetensors", [*TEXTS, "one more"])
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, probabilities, atol=1e-3)


def test_soft_labels_of_other_texts_are_refused(tmp_path: Path) -> None:
    write_soft_labels(tmp_path / "soft.safetensors", TEXTS, np.full((3, 8), 0.125))
    for other in (["A good film!", *TEXTS[1:]], TEXTS[:2]):
        with pytest.raises(DataError, match="other texts"):
            read_soft_labels(tmp_path / "soft.safetensors", other)


def test_a_file_that_holds_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "soft.safetensors").write_bytes(b"none")
    for path in (tmp_path / "soft.safetensors", tmp_path / "nowhere"):
        with pytest.raises(DataError, match="no soft labels"):
            read_soft_labels(path, TEXTS)


def test_the_command_rates_the_unlabelled_reviews(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "soft.safetensors"
    assert main(["--data", str(archive), "--teacher", str(initial), "--output", str(output)]) == 0
    assert f"{output}: 1 texts" in capsys.readouterr().out
    assert read_soft_labels(output, ["Not labelled."]).sum() == pytest.approx(1, abs=1e-2)


@pytest.mark.parametrize("wrong", ["--data", "--teacher"])
def test_an_error_is_one_line_and_a_status(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    arguments = {"--data": str(archive), "--teacher": str(initial), "--output": str(tmp_path / "soft")}
    arguments[wrong] = "/nowhere"
    assert main([part for pair in arguments.items() for part in pair]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "/nowhere" in line

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model_core.checkpoint import TOKENIZER_FILE, WEIGHTS_FILE, read_config
from model_core.errors import CheckpointError
from model_core.loading import load_classifier
from tests.factories import write_tuned
from tests.tiny import tiny_config
from training.average import average, main


def test_the_weights_are_the_mean(tmp_path: Path) -> None:
    folders = [write_tuned(tmp_path / str(seed), seed) for seed in range(3)]
    average(folders, tmp_path / "soup")
    sources = [load_file(folder / WEIGHTS_FILE) for folder in folders]
    soup = load_file(tmp_path / "soup" / WEIGHTS_FILE)
    assert soup.keys() == sources[0].keys()
    for name, tensor in soup.items():
        torch.testing.assert_close(tensor, torch.stack([source[name] for source in sources]).mean(0))
        assert tensor.dtype == torch.float32


def test_the_result_is_a_checkpoint_whose_temperature_is_to_be_fitted(tmp_path: Path) -> None:
    average([write_tuned(tmp_path / "a"), write_tuned(tmp_path / "b", 1)], tmp_path / "soup")
    config, _ = read_config(tmp_path / "soup")
    assert (config.name, config.temperature, config.sha256) == ("tiny", ((1, 1.0),), {})
    assert load_classifier(tmp_path / "soup", "torch", threads=1).classify(["a film"])[0].tokens == 2


@pytest.mark.parametrize("difference", ["shapes", "attention", "tokenizer", "weights"])
def test_unlike_checkpoints_are_refused(tmp_path: Path, difference: str) -> None:
    first = write_tuned(tmp_path / "a")
    other = write_tuned(tmp_path / "b", intermediate_size=48 if difference == "shapes" else 64)
    if difference == "attention":
        other = write_tuned(tmp_path / "b", config=tiny_config(attention="block-causal"))
    elif difference == "tokenizer":
        raw = json.loads((other / TOKENIZER_FILE).read_text())
        (other / TOKENIZER_FILE).write_text(json.dumps({**raw, "added": 1}))
    elif difference == "weights":
        (other / WEIGHTS_FILE).write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="the models must be alike" if difference != "weights" else "cannot read"):
        average([first, other], tmp_path / "soup")


def test_the_command_averages_and_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [str(write_tuned(tmp_path / str(seed), seed)) for seed in range(2)]
    assert main([*folders, "--output", str(tmp_path / "soup")]) == 0
    assert (tmp_path / "soup" / WEIGHTS_FILE).is_file()
    capsys.readouterr()
    assert main([folders[0], str(tmp_path / "nowhere"), "--output", str(tmp_path / "soup")]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")

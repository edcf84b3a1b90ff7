"""The state of a run, in pieces small enough to carry."""

from pathlib import Path

import pytest
import torch

from training.config import ConfigError
from training.trainer import run
from training.trainer.run import begin_run, load_pieces, open_log, save_pieces


def test_pieces_are_no_larger_than_asked_and_are_read_back(tmp_path: Path) -> None:
    tensors = {str(number): torch.full((100,), float(number)) for number in range(7)}
    save_pieces(tmp_path, tensors, {"step": 1}, piece_bytes=1000)
    assert len(list(tmp_path.glob("*.safetensors"))) == 4
    save_pieces(tmp_path, tensors, {"step": 2}, piece_bytes=0)
    assert len(list(tmp_path.glob("*.safetensors"))) == 1
    loaded = load_pieces(tmp_path)
    assert loaded is not None
    assert loaded[1] == {"step": 2}
    assert loaded[0].keys() == tensors.keys()
    assert all(torch.equal(loaded[0][name], tensor) for name, tensor in tensors.items())


def test_a_run_killed_while_saving_keeps_the_older_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (1, 2):
        save_pieces(tmp_path, {"weight": torch.full((4,), float(step))}, step, piece_bytes=0)

    def half_written(_: object, path: Path) -> None:
        path.write_bytes(b"half a fi")
        raise InterruptedError

    monkeypatch.setattr(run, "save_file", half_written)
    with pytest.raises(InterruptedError):
        save_pieces(tmp_path, {"weight": torch.full((4,), 3.0)}, 3, piece_bytes=0)
    loaded = load_pieces(tmp_path)
    assert loaded is not None
    assert (loaded[0]["weight"].tolist(), loaded[1]) == ([2.0] * 4, 2)


def test_a_run_from_before_an_option_existed_goes_on(tmp_path: Path) -> None:
    begin_run(tmp_path, {"config": {"seed": 1}, "train": "these"}, ())
    (tmp_path / "state").mkdir()
    begin_run(tmp_path, {"config": {"seed": 1, "newer": 0}, "train": "these"}, ())
    with pytest.raises(ConfigError, match="another newer"):
        begin_run(tmp_path, {"config": {"seed": 1, "newer": 2}, "train": "these"}, ())


def test_a_log_goes_on_from_its_step(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"step": 1}\n{"step": 50}\n{"step": 100}\n{"ste')
    with open_log(tmp_path, 50) as log:
        log.write('{"step": 51}\n')
    assert (tmp_path / "log.jsonl").read_text().splitlines() == ['{"step": 1}', '{"step": 50}', '{"step": 51}']

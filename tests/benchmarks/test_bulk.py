"""Rating a file of reviews, measured at a real server."""

import json
from pathlib import Path

import pytest

from benchmarks.bulk import main
from tests.factories import dataset_files, write_checkpoint, write_dataset


@pytest.mark.long
@pytest.mark.ci
def test_it_measures_the_command_and_the_model_alone(tmp_path: Path) -> None:
    data = write_dataset(tmp_path, dataset_files())
    checkpoint = write_checkpoint(tmp_path / "tiny")
    options = ["--data", str(data), "--checkpoint", str(checkpoint), "--reviews", "20", "--threads", "1"]
    assert main([*options, "--output", str(tmp_path / "out")]) == 0
    figures = json.loads((tmp_path / "out" / "bulk.json").read_text())
    assert figures["reviews"] == 20
    assert figures["score_s"] > 0
    assert figures["ratio"] > 0

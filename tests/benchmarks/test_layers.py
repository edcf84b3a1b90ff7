"""The layers of a key, at a real server with a tiny model. The test checks which are measured, not their values."""

import json
from pathlib import Path

import pytest

from benchmarks.layers import LAYERS, LENGTHS, main


@pytest.mark.long
@pytest.mark.ci
def test_the_layers_of_a_key_add_up_to_it(checkpoint: Path, tmp_path: Path) -> None:
    assert main(["--keys", "5", "--checkpoint", str(checkpoint), "--threads", "1", "--output", str(tmp_path)]) == 0
    figures = json.loads((tmp_path / "layers.json").read_text())
    assert [record["tokens"] for record in figures["lengths"]] == list(LENGTHS)
    *layers, key = figures["layers_us"].items()
    assert [name for name, _ in (*layers, key)] == list(LAYERS)
    for number in range(len(LENGTHS)):
        assert sum(times[number] for _, times in layers) == pytest.approx(key[1][number], abs=1)
        assert all(each["ways_ms"][name] > 0 for each in figures["lengths"] for name in each["ways_ms"])

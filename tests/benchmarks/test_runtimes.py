"""The compared runtimes give the same results on a tiny model. Their speed is not tested."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.inference.runtime_ways import REFERENCE, SERVED, make_ways
from benchmarks.runtimes import differences, main, of_length, time_ways, token_texts
from tools.reviews import REVIEWS


def test_all_runtimes_compute_the_same_and_each_takes_as_many_turns(checkpoint: Path, tmp_path: Path) -> None:
    texts = token_texts(checkpoint, REVIEWS)
    ways = make_ways(checkpoint, 1, texts, tmp_path)
    assert next(iter(ways)) == SERVED
    apart = differences(ways, texts)
    assert apart[REFERENCE] == {"mean_stars": 0, "max_stars": 0}
    assert apart["OpenVINO float32"]["max_stars"] < 1e-3
    assert apart["ONNX Runtime float32"]["max_stars"] < 0.1, "its embeddings are int8"
    assert all(each["max_stars"] < 1 for each in apart.values())
    assert all(value > 0 for value in time_ways(ways, of_length(texts, 16), rounds=2).values())


def test_texts_of_a_length_are_cut_out_of_all_that_there_is() -> None:
    texts = [np.arange(5)[None], np.arange(5, 12)[None]]
    assert [text.tolist() for text in of_length(texts, 4)] == [[[0, 1, 2, 3]], [[4, 5, 6, 7]], [[8, 9, 10, 11]]]


@pytest.mark.long
def test_the_figures_are_written_with_how_they_came_about(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--checkpoint", str(checkpoint), "--rounds", "2", "--output", str(tmp_path)]
    assert main(arguments) == 0
    written = json.loads((tmp_path / "runtimes.json").read_text())
    assert written["served"] in written["differences"]
    assert {"onnxruntime", "openvino", "torch"} <= written["versions"].keys()
    for milliseconds in (*written["lengths"].values(), *written["pairs"].values()):
        assert all(value > 0 for value in milliseconds.values())
    assert "stars from float32" in capsys.readouterr().out

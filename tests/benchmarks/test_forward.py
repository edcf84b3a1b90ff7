"""The costs of a rating, on a tiny model. The tests check which costs are measured, not their values."""

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.forward import Ways, describe, growing_texts, main, measure
from benchmarks.inference.batch import unfinished_reviews
from benchmarks.inference.floor import floor_passes, measure_floor
from benchmarks.load.keystrokes import Key
from tests.factories import write_tuned
from tests.labelled import ORDINAL
from tests.tiny import TINY_TOKENS, tiny_config
from training.export import export

WAYS = {"forward", "classifier", "engine", "typing", "pytorch"}


@pytest.fixture(scope="module")
def ways(checkpoint: Path) -> Iterator[Ways]:
    ways = Ways(checkpoint, threads=1)
    yield ways
    ways.close()


def test_texts_grow_by_a_word_up_to_a_length(ways: Ways) -> None:
    texts = growing_texts(ways.tokenizer, random.Random(1), 40)
    lengths = [len(ways.tokenizer.encode(text).input_ids) for text in texts]
    assert len(texts) > 5
    assert lengths == sorted(set(lengths))
    assert lengths[-1] <= 40
    assert all(after.startswith(f"{before} ") for before, after in itertools.pairwise(texts))


def test_every_way_takes_as_many_turns(ways: Ways) -> None:
    times = measure(ways, random.Random(1), TINY_TOKENS, rounds=7)
    assert {name: len(values) for name, values in times.items()} == dict.fromkeys(WAYS, 7)
    assert all(value > 0 for values in times.values() for value in values)


def test_a_description_holds_median_and_deciles() -> None:
    described = describe({"engine": [float(value) for value in range(1, 100)]})
    assert described == {"engine": {"median_ms": 50, "p10_ms": 10, "p90_ms": 90}}


def test_the_floor_rates_every_key_in_each_way(checkpoint: Path) -> None:
    rated: list[str] = []
    passes = {name: lambda text: rated.append(text) for name in floor_passes(checkpoint, 1)}
    keys = [Key(1e9, str(number)) for number in range(30)]
    measured = measure_floor(passes, keys, duration_s=60)
    assert rated == [str(number) for number in range(30) for _ in ("whole", "typing")]
    assert {name: times["passes"] for name, times in measured.items()} == {"whole": 20, "typing": 20}


def test_the_floor_takes_a_checkpoint_with_other_labels(tmp_path: Path) -> None:
    options = {"attention": "block-causal", "block": 4, "tail_step": 16, "labels": ORDINAL, "prior": (0.2, 0.3, 0.5)}
    write_tuned(tmp_path, config=tiny_config(**options), num_labels=len(ORDINAL))
    export(tmp_path, tmp_path)
    for rate in floor_passes(tmp_path, 1).values():
        assert np.asarray(rate("good film")).shape == (1, len(ORDINAL))


def test_no_two_texts_of_a_batch_are_alike() -> None:
    texts = unfinished_reviews(random.Random(1), 300)
    assert len(set(texts)) == 300
    assert max(map(len, texts)) <= 250


def test_the_command_writes_figures_and_a_picture(checkpoint: Path, tmp_path: Path) -> None:
    picture = tmp_path / "images" / "cost.png"
    options = ["--threads", "1", "--rounds", "2", "--starts", "1", "--picture", str(picture)]
    assert main(["--checkpoint", str(checkpoint), "--output", str(tmp_path), *options]) == 0
    figures = json.loads((tmp_path / "forward.json").read_text())
    assert list(figures["lengths"]) == ["8", "16", "32", "64"]
    assert all(each.keys() == WAYS for each in figures["lengths"].values())
    assert figures["batch"]["texts_per_s"].keys() == {"classify", "sorted loop", "sorted batches in pytorch"}
    assert figures["first_answer"].keys() == {"total", "import", "load", "rate"}
    with Image.open(picture) as image:
        assert image.width == 1440

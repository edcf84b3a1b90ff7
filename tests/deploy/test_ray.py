"""Rating a Parquet dataset on a Ray cluster of two workers."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starcast_client.scoring.ratings import Columns

from model_core.columns import COLUMNS
from model_core.loading import load_classifier
from tests.conftest import missing
from tools.reviews import REVIEWS
from tools.servers import REPOSITORY

BIN = REPOSITORY / ".venv" / "ray" / "bin"
CHECKPOINT = REPOSITORY / "model_core" / "checkpoints" / "starcast-electra-6x384"
TEXTS: list[str | None] = [*REVIEWS[:12], "fine", None, "", "  "]


def test_the_columns_are_those_of_starcast_score() -> None:
    assert list(COLUMNS.items()) == [(name, kind) for name, kind in Columns().kinds.items() if name != "error"]


MACHINES = """
import sys
from ray.cluster_utils import Cluster
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """The environment by which programs find a cluster of two machines, each with one CPU."""
    if not (BIN / "python").exists():
        missing("Ray is not installed: make .venv/ray/installed")
    # Ray's sockets are in it, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="ray") as folder:
        environment = os.environ | {
            "PYTHONPATH": str(REPOSITORY),
            "RAY_TMPDIR": folder,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
        }
        with subprocess.Popen(
            [BIN / "python", "-c", MACHINES], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            address = next(line.strip() for line in process.stdout if ":" in line)
            yield environment | {"RAY_ADDRESS": address}
            process.communicate(timeout=60)


def write_parts(folder: Path, parts: int) -> Path:
    """Write the texts into so many files."""
    folder.mkdir()
    for part in range(parts):
        table = {"id": list(range(part, len(TEXTS), parts)), "text": TEXTS[part::parts]}
        pq.write_table(pa.table(table), folder / f"part-{part}.parquet")
    return folder


def rate(cluster: dict[str, str], source: Path, target: Path) -> str:
    """Run the program; return what it prints."""
    done = run(cluster, source, target)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(environment: dict[str, str], source: Path, target: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BIN / "python"), "deploy/ray/rate_parquet.py", str(source), str(target), *options],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def rows(folder: Path) -> list[dict[str, Any]]:
    found = [row for path in folder.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return sorted(found, key=lambda row: int(row["id"]))


@pytest.mark.long
def test_ratings_are_those_of_one_machine_whatever_the_partitions(cluster: dict[str, str], tmp_path: Path) -> None:
    classifier = load_classifier(CHECKPOINT)
    for parts in (1, 4):
        source, target = write_parts(tmp_path / f"in{parts}", parts), tmp_path / f"out{parts}"
        rate(cluster, source, target)
        rated = rows(target)
        assert [row["text"] for row in rated] == TEXTS
        assert [row["stars"] is None for row in rated] == [not (text or "").strip() for text in TEXTS]
        for row in filter(lambda row: row["stars"], rated):
            (alone,) = classifier.classify([row["text"]])
            found = [row[f"p_{stars}"] for stars in (1, 2, 3, 4, 7, 8, 9, 10)]
            assert found == pytest.approx(alone.probabilities, abs=1e-6)
            assert row["state"] == alone.state


@pytest.mark.long
def test_a_run_goes_on_with_the_files_that_are_not_done(cluster: dict[str, str], tmp_path: Path) -> None:
    source, target = write_parts(tmp_path / "in", 4), tmp_path / "out"
    assert "16 rows rated" in rate(cluster, source, target)
    whole = rows(target)
    (target / "part-2.parquet").unlink()
    (target / "part-3.parquet.unfinished").write_bytes(b"of a run that was killed")
    before = {path.name: path.stat().st_mtime_ns for path in target.glob("*.parquet")}
    printed = rate(cluster, source, target)
    assert "1 file to rate, 3 done" in printed
    assert "4 rows rated" in printed
    assert rows(target) == whole
    assert {name: (target / name).stat().st_mtime_ns for name in before} == before


@pytest.mark.long
def test_odd_names_are_kept_and_a_text_that_is_not_utf_8_stops_nothing(cluster: dict[str, str], tmp_path: Path) -> None:
    source, target = tmp_path / "in 50%", tmp_path / "out#"
    source.mkdir()
    names = ["part 0.parquet", "50%.parquet", "a#b.parquet", "a?b.parquet", "%41.parquet"]
    damaged = pa.array([b"fine", b"tr\xe8s"], pa.binary()).view(pa.string())
    for name, texts in zip(names, (damaged, damaged.dictionary_encode(), ["fine"], [b"fine"], [None]), strict=True):
        pq.write_table(pa.table({"text": texts}), source / name)
    done = run(cluster, source, target)
    assert done.returncode == 1, done.stderr
    assert "5 rows rated" in done.stdout
    assert "part 0.parquet: no rating of 1 text:" in done.stderr
    again = run(cluster, source, target)
    assert (again.returncode, "0 files to rate, 5 done" in again.stdout) == (1, True), again.stderr
    rated = {path.name: pq.read_table(path).column("stars").is_valid().to_pylist() for path in target.iterdir()}
    assert rated == dict(zip(names, ([True, False], [True, False], [True], [True], [False]), strict=True))


@pytest.mark.long
@pytest.mark.parametrize(
    ("second", "options", "words"),
    [
        ({"text": [5]}, (), "b.parquet: the column 'text' is int64, not text"),
        ({"review": ["fine"]}, (), "b.parquet: needs one column 'text'"),
        ({"text": ["fine"], "stars": [5]}, (), "b.parquet: has columns with the names of rating columns"),
        (None, (), "b.parquet: not Parquet"),
        ({"text": ["fine"]}, ("--threads", "0"), "a whole number from 1"),
    ],
)
def test_what_cannot_be_rated_is_said_before_a_text_is_rated(
    cluster: dict[str, str],
    tmp_path: Path,
    second: dict[str, list[object]] | None,
    options: tuple[str, ...],
    words: str,
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    pq.write_table(pa.table({"text": ["fine"]}), source / "a.parquet")
    if second is None:
        (source / "b.parquet").write_bytes(b"text")
    else:
        pq.write_table(pa.table(second), source / "b.parquet")
    done = run(cluster, source, tmp_path / "out", *options)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()

"""Seconds to rate a file of reviews by ``starcast score``, and the same reviews by the model alone.

``python -m benchmarks.bulk --data data/aclImdb_v1.tar.gz`` starts its own server.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from benchmarks.peers.registry import running_starcast
from benchmarks.servers import ServerError, python
from model_core.loading import load_classifier
from model_core.plurals import counted
from training.data import DataError, add_data_argument, load_split
from training.evaluate import predict
from training.texts.beginnings import spread

PROGRAM: Final = "benchmarks.bulk"

_CLIENT: Final = Path(__file__).resolve().parent.parent / "clients" / "python" / "src"


def score_s(texts: Sequence[str], url: str, folder: Path) -> float:
    """Return how long the command takes, from its start to its end, for a CSV of these texts."""
    source = folder / "reviews.csv"
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    began = time.perf_counter()
    subprocess.run(  # noqa: S603 - our own command
        python("-m", "starcast_client.cli", "score", str(source), "--output", str(folder / "out.csv"), "--url", url),
        env={**os.environ, "PYTHONPATH": str(_CLIENT), "NO_PROXY": "localhost"},
        check=True,
    )
    return time.perf_counter() - began


def alone_s(texts: Sequence[str], checkpoint: Path, threads: int) -> float:
    """Return how long ``training.evaluate`` takes for these texts, without loading the model."""
    classifier = load_classifier(checkpoint, threads=threads)
    began = time.perf_counter()
    predict(classifier, texts, "the model alone")
    return time.perf_counter() - began


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--reviews", type=int, default=25_000, help="reviews of the test split (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    about = begin(PROGRAM, argv)
    try:
        texts = [review.text for review in spread(load_split(options.data, "test", 0.2), options.reviews)]
        log = options.output / "logs" / "bulk.log"
        with (
            tempfile.TemporaryDirectory() as folder,
            running_starcast(options.checkpoint, options.threads, log) as server,
        ):
            scored = score_s(texts, f"http://localhost:{server.port}", Path(folder))
        alone = alone_s(texts, options.checkpoint, options.threads)
    except (ServerError, DataError, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    figures: dict[str, Any] = {
        "reviews": len(texts),
        "score_s": round(scored, 1),
        "alone_s": round(alone, 1),
        "ratio": round(scored / alone, 2),
        "hours_a_million": round(scored / len(texts) * 1_000_000 / 3_600, 1),
    }
    print(
        f"{counted(len(texts), 'review')}: {figures['score_s']} s by starcast score, "
        f"{figures['alone_s']} s by the model alone, {figures['ratio']} times; "
        f"a million take {figures['hours_a_million']} hours"
    )
    write_json(options.output, "bulk.json", {**about, **figures})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

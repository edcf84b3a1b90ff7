"""Time from starting a process to its first answer: imports, loading and rating.

``python -m benchmarks.first_answer CHECKPOINT THREADS`` is the process that is timed.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

# No imports of the project here: their time is measured.
_TEXT = "A slow start, but what an ending."


def measure_first_answer(checkpoint: Path, threads: int, starts: int) -> dict[str, float]:
    """Return the median seconds of ``starts`` fresh processes, in total and for each part."""
    command = [sys.executable, "-m", "benchmarks.first_answer", str(checkpoint), str(threads)]
    found: dict[str, list[float]] = {}
    for _ in range(starts):
        started_s = time.perf_counter()
        finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own
        total_s = time.perf_counter() - started_s
        for name, seconds in {"total": total_s, **json.loads(finished.stdout)}.items():
            found.setdefault(name, []).append(seconds)
    return {name: round(statistics.median(values), 3) for name, values in found.items()}


def _main() -> None:
    times_s = [time.perf_counter()]
    from model_core.loading import load_classifier

    times_s.append(time.perf_counter())
    classifier = load_classifier(Path(sys.argv[1]), "onnx", int(sys.argv[2]))
    times_s.append(time.perf_counter())
    classifier.classify([_TEXT])
    times_s.append(time.perf_counter())
    parts = [after - before for before, after in itertools.pairwise(times_s)]
    print(json.dumps(dict(zip(("import", "load", "rate"), parts, strict=True))))


if __name__ == "__main__":
    _main()

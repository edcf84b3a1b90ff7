"""Run all benchmarks, then print their tables: ``python -m benchmarks``.

``python -m benchmarks NAME …`` is ``python -m benchmarks.NAME …``. NAME is forward, layers, explanations,
runtimes, typists, overload, idle, page, report, or one of soak and bulk, which take long and only run when named.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks import bulk, explanations, forward, idle, layers, overload, page, report, runtimes, soak, typists
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, default_gradio_python

NAMES: Final[dict[str, Callable[[Sequence[str]], int]]] = {
    "forward": forward.main,
    "layers": layers.main,
    "explanations": explanations.main,
    "runtimes": runtimes.main,
    "typists": typists.main,
    "overload": overload.main,
    "idle": idle.main,
    "page": page.main,
    "soak": soak.main,
    "bulk": bulk.main,
    "report": report.main,
}


def main(argv: Sequence[str]) -> int:
    """Run the command line."""
    if argv and argv[0] in NAMES:
        return NAMES[argv[0]](argv[1:])
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--gradio-python", default=default_gradio_python(), help="Python that has Gradio (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    common = ["--checkpoint", str(options.checkpoint), "--output", str(options.output)]
    gradio = ["--gradio-python", options.gradio_python]
    for name, arguments in (
        ("forward", common),
        ("layers", common),
        ("explanations", common),
        ("runtimes", common),
        ("typists", [*common, *gradio]),
        ("typists", [*common, *gradio, "--find-limit"]),
        ("overload", common),
        ("idle", common),
        ("page", common),
        ("report", [str(options.output)]),
    ):
        if failed := NAMES[name](arguments):
            return failed
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

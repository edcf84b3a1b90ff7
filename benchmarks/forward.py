"""How long one rating takes, by the length of the text: bare forward pass, whole classifier, engine, and PyTorch.

``python -m benchmarks.forward`` prints machine, versions and medians, all peers measured turn by turn in one run.
"""

import argparse
import asyncio
import importlib.util
import os
import platform
import shlex
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import onnxruntime

from model_core.backends.onnx import OnnxBackend
from model_core.checkpoint import ONNX_FILE, TOKENIZER_FILE, read_config
from model_core.engine import Engine
from model_core.loading import load_classifier
from model_core.tokenizer import TextTokenizer

DEFAULT_CHECKPOINT = Path("model_core/checkpoints/starcast-electra-6x384")
SENTENCE = "The film begins well enough, with a fine cast and a clever idea, but by the end I had lost all patience. "


def measure(peers: dict[str, Callable[[str], object]], text: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of each peer on one text; they take turns, so that a disturbance hits all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        for name, rate in peers.items():
            started = time.perf_counter()
            rate(text)
            times[name].append((time.perf_counter() - started) * 1000)
    return times


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forward", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads of a forward pass (%(default)s)")
    parser.add_argument("--rounds", type=int, default=30, help="turns of each peer and length (%(default)s)")
    options = parser.parse_args(argv)

    config, _ = read_config(options.checkpoint)
    tokenizer = TextTokenizer.from_file(options.checkpoint / TOKENIZER_FILE, config.max_tokens, config.head_share)
    bare = OnnxBackend(options.checkpoint / ONNX_FILE, options.threads)
    classifier = load_classifier(options.checkpoint, "onnx", options.threads)
    loop = asyncio.new_event_loop()
    engine = Engine(classifier)
    peers: dict[str, Callable[[str], object]] = {
        "forward": lambda text: bare.logits([tokenizer.encode(text).input_ids]),
        "classifier": lambda text: classifier.classify([text]),
        "engine": lambda text: loop.run_until_complete(engine.classify(text)),
    }
    if importlib.util.find_spec("torch"):
        float32 = load_classifier(options.checkpoint, "torch", options.threads)
        peers["pytorch"] = lambda text: float32.classify([text])

    print(f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; Python", end=" ")
    print(f"{platform.python_version()}, ONNX Runtime {onnxruntime.__version__}; {config.name} {config.version}")
    print(shlex.join(["python", "-m", "benchmarks.forward", *(sys.argv[1:] if argv is None else argv)]))
    print("median milliseconds (10th to 90th percentile); forward = tokenising and the bare int8 graph")
    print(f"{'tokens':>6}" + "".join(f"{name:>26}" for name in peers))
    for words in (8, 32, 64, 128, 256, 420):
        text = " ".join((SENTENCE * words).split()[:words])
        cells = []
        for times in measure(peers, text, options.rounds).values():
            deciles = statistics.quantiles(times, n=10)
            cells.append(f"{statistics.median(times):10.2f} ({deciles[0]:.2f} to {deciles[-1]:.2f})".rjust(26))
        print(f"{len(tokenizer.encode(text).input_ids):6}" + "".join(cells))
    loop.run_until_complete(engine.close())
    loop.close()


if __name__ == "__main__":
    main()

"""Time of the forward pass in other runtimes and precisions, and their distance from float32.

``python -m benchmarks.runtimes`` runs the same weights in ONNX Runtime, OpenVINO and PyTorch, in turns.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.inference.runtime_ways import REFERENCE, SERVED, Ids, Way, make_ways, onnx_way
from benchmarks.load.texts import read_texts
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from model_core.checkpoint import ONNX_FILE, TOKENIZER_FILE, read_config
from model_core.classifier import softmax
from model_core.labels import STARS
from model_core.tokenizer import TextTokenizer

PROGRAM: Final = "benchmarks.runtimes"
LENGTHS: Final = (16, 32, 64, 128, 256, 512)
_CALIBRATION: Final = 128
_PAIR_TOKENS: Final = (16, 64)


def token_texts(checkpoint: Path, texts: Sequence[str]) -> list[Ids]:
    """Return the ids [1, tokens] of texts."""
    config, _ = read_config(checkpoint)
    tokenizer = TextTokenizer.from_config(checkpoint / TOKENIZER_FILE, config)
    return [np.array([tokenizer.encode(text).input_ids], dtype=np.int64) for text in texts]


def of_length(texts: Sequence[Ids], tokens: int) -> list[Ids]:
    """Return texts of exactly ``tokens`` tokens, cut from the joined texts."""
    joined = np.concatenate([text[0] for text in texts])
    return [joined[None, begin : begin + tokens] for begin in range(0, len(joined) - tokens + 1, tokens)]


def time_ways(ways: Mapping[str, Callable[[Ids], object]], texts: Sequence[Ids], rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each way; they take turns at each text, so that disturbances affect all."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-1, rounds):  # The first round is a warm-up.
        for name, way in ways.items():
            started = time.perf_counter()
            way(texts[number % len(texts)])
            if number >= 0:
                times[name].append((time.perf_counter() - started) * 1000)
    return {name: round(statistics.median(values), 2) for name, values in times.items()}


def differences(ways: Mapping[str, Way], texts: Sequence[Ids]) -> dict[str, dict[str, float]]:
    """Return the mean and maximum distance of each way's expected stars from float32."""
    stars = {name: np.array([softmax(way(text))[0] @ np.array(STARS) for text in texts]) for name, way in ways.items()}
    apart = {name: np.abs(values - stars[REFERENCE]) for name, values in stars.items()}
    return {
        name: {"mean_stars": round(float(each.mean()), 4), "max_stars": round(float(each.max()), 4)}
        for name, each in apart.items()
    }


def time_pairs(checkpoint: Path, texts: Sequence[Ids], rounds: int) -> dict[str, dict[str, float]]:
    """Return the milliseconds for two texts at once: in turn with two threads, or in parallel with one thread each."""
    in_turn = onnx_way(checkpoint / ONNX_FILE, 2)
    side_by_side = [onnx_way(checkpoint / ONNX_FILE, 1) for _ in range(2)]
    found: dict[str, dict[str, float]] = {}
    with ThreadPoolExecutor(2) as executor:
        ways: dict[str, Callable[[Ids], object]] = {
            "one session of two threads, in turn": lambda ids: (in_turn(ids), in_turn(ids)),
            "two sessions of one thread, side by side": lambda ids: list(
                executor.map(lambda way: way(ids), side_by_side)
            ),
        }
        for tokens in _PAIR_TOKENS:
            for name, milliseconds in time_ways(ways, of_length(texts, tokens), rounds).items():
                found.setdefault(name, {})[str(tokens)] = milliseconds
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="folder of a block-causal checkpoint (%(default)s)"
    )
    parser.add_argument("--data", type=Path, help="archive to calibrate and compare on (default: the tests' reviews)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--rounds", type=int, default=40, help="rounds per way and length (%(default)s)")
    parser.add_argument(
        "--texts", type=int, default=200, help="maximum number of texts to compare with float32 (%(default)s)"
    )
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    about = begin(PROGRAM, argv)
    texts = token_texts(options.checkpoint, read_texts(options.data)[: _CALIBRATION + options.texts])
    longest = read_config(options.checkpoint)[0].max_tokens
    # Calibrate on other texts than those compared, if there are enough.
    calibration, judged = texts[:_CALIBRATION], texts[_CALIBRATION:] or texts
    with tempfile.TemporaryDirectory() as folder:
        ways = make_ways(options.checkpoint, options.threads, calibration, Path(folder))
        lengths: dict[str, dict[str, float]] = {}
        for tokens in (tokens for tokens in LENGTHS if tokens <= longest):
            lengths[str(tokens)] = time_ways(ways, of_length(texts, tokens), options.rounds)
            print(
                f"{tokens} tokens, ms: " + ", ".join(f"{n} {ms:g}" for n, ms in lengths[str(tokens)].items()),
                flush=True,
            )
        apart = differences(ways, judged)
    for name, each in apart.items():
        print(f"stars from float32: {name} {each['mean_stars']} on average, {each['max_stars']} at worst")
    pairs = time_pairs(options.checkpoint, texts, options.rounds)
    for name, by_tokens in pairs.items():
        print(f"two texts, {name}: " + ", ".join(f"{tokens} tokens {ms} ms" for tokens, ms in by_tokens.items()))
    content: dict[str, Any] = {**about, "threads": options.threads, "served": SERVED, "texts": len(judged)}
    write_json(options.output, "runtimes.json", {**content, "lengths": lengths, "differences": apart, "pairs": pairs})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

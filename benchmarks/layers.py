"""Where the time of one key goes: through a server over a WebSocket, and through each layer alone.

``python -m benchmarks.layers`` types texts of up to 64 and 512 tokens word by word and measures all ways in turns.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.forward import growing_texts
from benchmarks.inference.floor import cached_backend
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from benchmarks.peers.asking import Asking, asking
from benchmarks.peers.registry import UNLIMITED_WORK, running_starcast
from benchmarks.servers import ServerError
from model_core.cache import EncoderCache
from model_core.checkpoint import TOKENIZER_FILE, read_config
from model_core.engine import Engine
from model_core.loading import load_classifier
from model_core.tokenizer import TextTokenizer

PROGRAM: Final = "benchmarks.layers"
LENGTHS: Final = (64, 512)

LAYERS: Final[Mapping[str, Callable[[Mapping[str, float]], float]]] = {
    "the model's pass over what is new": lambda ms: ms["pass"],
    "tokens of what is new, probabilities, state": lambda ms: ms["classifier"] - ms["pass"],
    "the engine's queue and thread": lambda ms: ms["engine"] - ms["classifier"],
    "WebSocket, JSON and event loops, on both sides": lambda ms: ms["ping"],
    "charging, session and answer": lambda ms: ms["key"] - ms["engine"] - ms["ping"],
    "a key": lambda ms: ms["key"],
}
"""Milliseconds of each layer, from those of the ways. The last is the sum of the others."""


class Ways:
    """The ways of a key, each with a model and a memory of its own."""

    def __init__(self, server: Asking, checkpoint: Path, threads: int) -> None:
        config, _ = read_config(checkpoint)
        self.tokenizer = TextTokenizer.from_config(checkpoint / TOKENIZER_FILE, config)
        self.engine = Engine(load_classifier(checkpoint, "onnx", threads))
        self._server = server
        self._seqs = itertools.count(1)
        self._classifier = load_classifier(checkpoint, "onnx", threads)
        self._backend = cached_backend(checkpoint, threads)
        self._caches = [EncoderCache() for _ in range(3)]

    async def milliseconds(self, text: str) -> dict[str, float]:
        """Return the time of each way for this text, which continues the last one. Raises ServerError."""
        tokens = self.tokenizer.encode(text).input_ids
        key = {"type": "text.update", "seq": next(self._seqs), "text": text}
        return {
            "key": await _timed(self._server.ask(key, "prediction")),
            "ping": await _timed(self._server.ask({"type": "ping"}, "pong")),
            "engine": await _timed(self.engine.classify(text, self._caches[0])),
            "classifier": _timed_call(lambda: self._classifier.classify([text], [self._caches[1]])),
            "pass": _timed_call(lambda: self._backend.logits([tokens], [self._caches[2]])),
        }


async def _timed(work: Awaitable[object]) -> float:
    started_s = time.perf_counter()
    await work
    return (time.perf_counter() - started_s) * 1000


def _timed_call(work: Callable[[], object]) -> float:
    started_s = time.perf_counter()
    work()
    return (time.perf_counter() - started_s) * 1000


async def measure(port: int, checkpoint: Path, threads: int, keys: int, seed: int) -> list[dict[str, Any]]:
    """Return the median milliseconds of each way for each length. Raises ServerError."""
    rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
    found = []
    async with asking(port) as server:
        ways = Ways(server, checkpoint, threads)
        for length in LENGTHS:
            times: list[dict[str, float]] = []
            while len(times) < keys:
                before, *texts = growing_texts(ways.tokenizer, rng, length)
                await ways.milliseconds(before)
                times += [await ways.milliseconds(text) for text in texts]
            medians = {name: round(statistics.median(each[name] for each in times), 4) for name in times[0]}
            found.append({"tokens": length, "ways_ms": medians})
        await ways.engine.close()
    return found


def microseconds(found: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the microseconds of each layer, for each length."""
    return {name: [round(1000 * layer(record["ways_ms"]), 1) for record in found] for name, layer in LAYERS.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument("--keys", type=int, default=320, help="keys of each length (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the texts (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    about = begin(PROGRAM, argv)
    log = options.output / "logs" / "layers.log"
    try:
        with running_starcast(options.checkpoint, options.threads, log, settings=UNLIMITED_WORK) as server:
            found = asyncio.run(measure(server.port, options.checkpoint, options.threads, options.keys, options.seed))
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("median microseconds of a key in texts of up to", *(f"{tokens} tokens" for tokens in LENGTHS))
    for name, times in (layers := microseconds(found)).items():
        print(f"{name:48}" + "".join(f"{each:12,.0f}" for each in times))
    write_json(options.output, "layers.json", {**about, "lengths": found, "layers_us": layers})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Time of a rating by the length of the text: read whole, and after one more token.

``python -m benchmarks.forward`` measures all ways in turns, then a batch of 64 texts against a loop over them, then the
time from starting a process to its first answer.
"""

import argparse
import asyncio
import importlib.util
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.first_answer import measure_first_answer
from benchmarks.inference.batch import measure_batches
from benchmarks.inference.floor import whole_backend
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from model_core.cache import EncoderCache
from model_core.checkpoint import TOKENIZER_FILE, read_config
from model_core.engine import Engine
from model_core.loading import load_classifier
from model_core.tokenizer import TextTokenizer

PROGRAM: Final = "benchmarks.forward"
LENGTHS: Final = (8, 16, 32, 64, 128, 256, 384, 512)
_STEPS: Final = 16
_WORDS: Final = (
    *("a", "all", "and", "bad", "best", "but", "cast", "city", "end", "film", "first", "for", "good", "great", "he"),
    *("her", "his", "house", "i", "is", "it", "last", "life", "love", "man", "movie", "music", "never", "night", "not"),
    *("of", "plot", "scene", "she", "some", "story", "that", "the", "they", "this", "time", "very", "war", "was"),
    *("with", "work", "world", "worst"),
)
"""Words of one token each in the vocabularies of BERT and ELECTRA."""


class Ways:
    """The ways to rate a text. Each has its own model."""

    def __init__(self, checkpoint: Path, threads: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._engines: list[Engine] = []
        self._cache = EncoderCache()
        config, _ = read_config(checkpoint)
        self.tokenizer = TextTokenizer.from_config(checkpoint / TOKENIZER_FILE, config)
        self.max_tokens = config.max_tokens
        bare = whole_backend(checkpoint, threads)
        classifier = load_classifier(checkpoint, "onnx", threads)
        engine = self._engine(checkpoint, threads)
        self.rate: dict[str, Callable[[str], object]] = {
            "forward": lambda text: bare.logits([self.tokenizer.encode(text).input_ids]),
            "classifier": lambda text: classifier.classify([text]),
            "engine": lambda text: self._loop.run_until_complete(engine.classify(text)),
        }
        if config.attention == "block-causal":
            typing = self._engine(checkpoint, threads)
            self.rate["typing"] = lambda text: self._loop.run_until_complete(typing.classify(text, self._cache))
        if importlib.util.find_spec("torch"):
            float32 = load_classifier(checkpoint, "torch", threads)
            self.rate["pytorch"] = lambda text: float32.classify([text])

    def _engine(self, checkpoint: Path, threads: int) -> Engine:
        self._engines.append(Engine(load_classifier(checkpoint, "onnx", threads)))
        return self._engines[-1]

    def begin_text(self, text: str) -> None:
        """Rate this text, so that the next one only adds to its end."""
        self._cache.clear()
        if "typing" in self.rate:
            self.rate["typing"](text)

    def close(self) -> None:
        """Close the engines."""
        for engine in self._engines:
            self._loop.run_until_complete(engine.close())
        self._loop.close()


def growing_texts(tokenizer: TextTokenizer, rng: random.Random, max_tokens: int, steps: int = _STEPS) -> list[str]:
    """Return the last ``steps`` + 1 versions of a text that grows by a word up to ``max_tokens`` tokens.

    The words are random, so that no cache has the text.
    """
    text = rng.choice(_WORDS)
    texts = [text]
    while True:
        text = f"{text} {rng.choice(_WORDS)}"
        encoding = tokenizer.encode(text)
        if encoding.truncated or len(encoding.input_ids) > max_tokens:
            return texts[-steps - 1 :]
        texts.append(text)


def measure(ways: Ways, rng: random.Random, max_tokens: int, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of each way on texts of up to ``max_tokens`` tokens.

    The ways take turns at each text, so that disturbances affect all of them. Lengths cover a whole block of the model,
    in proportion to how often they are typed.
    """
    times: dict[str, list[float]] = {name: [] for name in ways.rate}
    for text in _texts(ways, rng, max_tokens, rounds):
        for name, rate in ways.rate.items():
            started = time.perf_counter()
            rate(text)
            times[name].append((time.perf_counter() - started) * 1000)
    return times


def _texts(ways: Ways, rng: random.Random, max_tokens: int, rounds: int) -> Iterator[str]:
    given = 0
    while given < rounds:
        before, *texts = growing_texts(ways.tokenizer, rng, max_tokens)
        ways.begin_text(before)
        yield from texts[: rounds - given]
        given += len(texts)


def describe(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Return the median, 10th and 90th percentile of each way, in milliseconds."""
    described = {}
    for name, values in times.items():
        deciles = statistics.quantiles(values, n=10)
        found = {"median_ms": statistics.median(values), "p10_ms": deciles[0], "p90_ms": deciles[-1]}
        described[name] = {key: round(value, 3) for key, value in found.items()}
    return described


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--rounds", type=int, default=48, help="rounds per way and length, at least 2 (%(default)s)")
    parser.add_argument("--starts", type=int, default=5, help="processes to start for the first answer (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    parser.add_argument(
        "--picture", type=Path, metavar="PNG", help="draw the chart to this file, such as docs/images/cost.png"
    )
    options = parser.parse_args(argv)
    about = begin(PROGRAM, argv)
    ways = Ways(options.checkpoint, options.threads)
    content: dict[str, Any] = {**about, "threads": options.threads, "lengths": {}}
    rng = random.Random(1)  # noqa: S311 - chance, not secrecy
    print("median milliseconds (10th to 90th percentile); forward = tokenising and the bare int8 graph, text whole")
    print(f"{'tokens':>6}" + "".join(f"{name:>26}" for name in ways.rate))
    for tokens in (tokens for tokens in LENGTHS if tokens <= ways.max_tokens):
        described = describe(measure(ways, rng, tokens, options.rounds))
        content["lengths"][str(tokens)] = described
        cells = (
            f"{each['median_ms']:.2f} ({each['p10_ms']:.2f} to {each['p90_ms']:.2f})" for each in described.values()
        )
        print(f"{tokens:6}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    ways.close()
    content["batch"] = measure_batches(options.checkpoint, options.threads)
    for name, texts_per_s in content["batch"]["texts_per_s"].items():
        print(f"{content['batch']['texts']} texts, {name}: {texts_per_s} texts/s", flush=True)
    content["first_answer"] = measure_first_answer(options.checkpoint, options.threads, options.starts)
    for name, seconds in content["first_answer"].items():
        print(f"first answer of a fresh process, {name}: {seconds} s")
    write_json(options.output, "forward.json", content)
    if options.picture:
        # Imported late: drawing needs additional packages.
        from benchmarks.pictures import draw_cost

        draw_cost(content, options.picture)
        print(options.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

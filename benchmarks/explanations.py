"""How soon a text's sentences and words are explained, over a WebSocket of a server that nobody else uses.

``python -m benchmarks.explanations`` explains reviews of 60 and of 400 words, each once, one after another.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.load.texts import read_texts
from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from benchmarks.peers.asking import Asking, asking
from benchmarks.peers.registry import UNLIMITED_WORK, running_starcast
from benchmarks.servers import ServerError

PROGRAM: Final = "benchmarks.explanations"
LENGTHS: Final = (60, 400)
"""Words of a text."""
PARTS: Final = ("sentences", "strongest words", "all words")


def texts_of(reviews: Sequence[str], words: int) -> Iterator[str]:
    """Yield texts of exactly this many words: the reviews one after another, cut. Ends with the reviews."""
    all_words = itertools.chain.from_iterable(review.split() for review in reviews)
    for text in iter(lambda: list(itertools.islice(all_words, words)), []):
        if len(text) == words:
            yield " ".join(text)


async def explain(server: Asking, seq: int, text: str) -> dict[str, float]:
    """Return the milliseconds from asking to each of ``PARTS``. Raises ServerError."""
    await server.ask({"type": "text.update", "seq": seq, "text": text}, "prediction")
    asked_s = time.perf_counter()
    message = await server.ask({"type": "explain", "seq": seq, "partial": True}, "explanation")
    found: dict[str, float] = {}
    while True:
        now_ms = (time.perf_counter() - asked_s) * 1000
        found.setdefault("sentences", now_ms)
        if any(span["unit"] != "sentence" for span in message["spans"]):
            found.setdefault("strongest words", now_ms)
        if not message.get("partial"):
            return {part: found.setdefault(part, now_ms) for part in PARTS}
        message = await server.receive("explanation")


async def measure(port: int, reviews: Sequence[str], texts: int) -> list[dict[str, Any]]:
    """Return for each length the median and the largest milliseconds of each of ``PARTS``. Raises ServerError."""
    seqs = itertools.count(1)
    found = []
    async with asking(port) as server:
        for words in LENGTHS:
            chosen = list(itertools.islice(texts_of(reviews, words), texts))
            times = [await explain(server, next(seqs), text) for text in chosen]
            figures = {
                part: {
                    "median_ms": round(statistics.median(each[part] for each in times), 1),
                    "max_ms": round(max(each[part] for each in times), 1),
                }
                for part in PARTS
            }
            found.append({"words": words, "texts": len(times), "parts": figures})
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument("--texts", type=int, default=20, help="texts of each length (%(default)s)")
    parser.add_argument("--data", type=Path, help="the dataset's archive or folder; without it, the tests' reviews")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    about = begin(PROGRAM, argv)
    log = options.output / "logs" / "explanations.log"
    try:
        with running_starcast(options.checkpoint, options.threads, log, settings=UNLIMITED_WORK) as server:
            found = asyncio.run(measure(server.port, read_texts(options.data), options.texts))
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print("milliseconds, median (largest) of", *(f"{each['texts']} texts of {each['words']} words" for each in found))
    for part in PARTS:
        times = (each["parts"][part] for each in found)
        print(f"{part:20}", *(f"{each['median_ms']:8.0f} ({each['max_ms']:.0f})" for each in times))
    write_json(options.output, "explanations.json", {**about, "lengths": found})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

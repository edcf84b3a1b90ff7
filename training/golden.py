"""Write the golden answers of an exported checkpoint. Servers check their own answers against them.

``python -m training.golden CHECKPOINT``; ``training.export`` and ``training.calibrate`` do this themselves.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Final

from model_core.checkpoint import GOLDEN_FILE, read_config
from model_core.errors import CheckpointError
from model_core.loading import load_classifier

TEXTS: Final = (
    "",
    "Brilliant.",
    "A waste of two hours and of a fine cas",
    "I laughed, I cried, and I would see it again tomorrow: warm, funny and beautifully acted.",
    "The first half is clever and tense; then it forgets its own story, and the ending is plain silly.",
    "Not bad at all, though nobody would call it good. 5/10?",
    "Фильм понравился! 🎬 <br /><br /> The music — oh, the music…",
    "It is slow, and it means to be. " * 80 + "In the end I was glad that I had stayed.",
)
"""Empty, short, half a word, positive and negative, mixed, unclear, other scripts, and longer than the model reads."""

_DIGITS: Final = 6


def write_golden(folder: Path) -> None:
    """Rate ``TEXTS``, and the examples of the page, with the checkpoint's int8 graph, and write the answers.

    Raises CheckpointError.
    """
    page = read_config(folder)[0].page
    texts = (*TEXTS, *page.examples) if page is not None else TEXTS
    predictions = load_classifier(folder, "onnx").classify(texts)
    answers = [
        {"text": text, "probabilities": [round(value, _DIGITS) for value in prediction.probabilities]}
        for text, prediction in zip(texts, predictions, strict=True)
    ]
    content = json.dumps(answers, indent=1, ensure_ascii=False)
    (folder / GOLDEN_FILE).write_text(content + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.golden", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="folder written by training.export")
    options = parser.parse_args(argv)
    try:
        write_golden(options.checkpoint)
    except (CheckpointError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

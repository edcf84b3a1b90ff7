"""Short texts of our own, to choose thresholds and to evaluate.

No model is trained on them: ``training.phrases`` has others. Some emoji and ratings of ``readable`` occur in both; they
evaluate only legibility, which does not depend on the trained weights.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

Half = Literal["choose", "judge"]

_FOLDER = Path(__file__).parent
_KIND = re.compile(r"\[(\w+)\]")


def read_lines(name: str, folder: Path = _FOLDER) -> list[str]:
    """Return the texts of a set without kinds, in order."""
    lines = (folder / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def read_kinds(name: str, half: Half | None = None) -> dict[str, list[str]]:
    """Return the texts of a set by kind. With ``half``, one half of each kind; the halves are disjoint."""
    kinds = kinds_of(read_lines(name))
    if half is None:
        return kinds
    return {kind: texts[0 if half == "choose" else 1 :: 2] for kind, texts in kinds.items()}


def kinds_of(lines: Sequence[str]) -> dict[str, list[str]]:
    """Group lines by the kind whose name, in brackets, stands before them."""
    kinds: dict[str, list[str]] = {}
    for line in lines:
        if match := _KIND.fullmatch(line):
            texts = kinds[match[1]] = []
        else:
            texts.append(line)
    return kinds


def of_length(texts: list[str], words: int) -> list[str]:
    """Cut each text to ``words`` words. A shorter text is continued with the next ones."""
    cut = []
    for first in range(len(texts)):
        run: list[str] = []
        for text in texts[first:] + texts[:first]:
            if len(run) >= words:
                break
            run += text.split()
        cut.append(" ".join(run[:words]))
    return cut


def first_words(text: str, words: int) -> str:
    """Return the first ``words`` words of a text."""
    return " ".join(text.split()[:words])

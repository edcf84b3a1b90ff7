"""Short texts of our own that choose thresholds and judge. No model is trained on any of them."""

import re
from pathlib import Path
from typing import Literal

Half = Literal["choose", "judge"]

_FOLDER = Path(__file__).parent
_KIND = re.compile(r"\[(\w+)\]")


def read_lines(name: str) -> list[str]:
    """The texts of a set without kinds, in their order."""
    lines = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def read_kinds(name: str, half: Half | None = None) -> dict[str, list[str]]:
    """The texts of a set by kind; one half of each kind where ``half`` is given: none is in both."""
    kinds: dict[str, list[str]] = {}
    for line in read_lines(name):
        if match := _KIND.fullmatch(line):
            texts = kinds[match[1]] = []
        else:
            texts.append(line)
    if half is None:
        return kinds
    return {kind: texts[0 if half == "choose" else 1 :: 2] for kind, texts in kinds.items()}


def of_length(texts: list[str], words: int) -> list[str]:
    """Each text cut to so many words; a shorter one goes on with those that follow it."""
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
    """The beginning of a text, of so many words."""
    return " ".join(text.split()[:words])

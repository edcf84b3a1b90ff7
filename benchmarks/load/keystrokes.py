"""Simulated typing: keys and their times, reproducible by a seed.

Due times do not depend on answers: slow servers get keys as fast as quick ones.
"""

import random
import re
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

Kind = Literal["short", "long"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

SHORT_CHARS: Final = 250
"""After this many characters (about 60 tokens), a typist of short texts starts a new review."""
LONG_CHARS: Final = 2_000
"""Initial length of a long text."""

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_PASTE_CHARS = (20, 120)
_LEAST_GAP = 0.3
"""Minimum share of the mean gap between two keys, for a text that consists of ends of sentences."""


@dataclass(frozen=True)
class Rhythm:
    """How a person types. Raises ValueError for impossible values.

    Gaps between keys are log-normal, as measured by Dhakal et al. (CHI 2018) on 136 million keystrokes.
    """

    keys_per_s: float = 6.0
    """Mean, including pauses and corrections."""
    gap_sigma: float = 0.5
    """Standard deviation of the logarithm of a gap."""
    pause_s: float = 1.0
    """Mean pause after a sentence, log-normal, in addition to the gap."""
    typo_share: float = 0.03
    """Share of letters typed wrong at first: the wrong letter, a backspace, the right one."""
    paste_share: float = 0.003
    """Share of words at which 20 to 120 characters are pasted."""

    def __post_init__(self) -> None:
        if self.keys_per_s <= 0 or self.gap_sigma < 0 or self.pause_s < 0:
            raise ValueError("keys_per_s must be above 0, gap_sigma and pause_s 0 or more")
        if not 0 <= self.typo_share <= 1 or not 0 <= self.paste_share <= 1:
            raise ValueError("typo_share and paste_share must be within [0, 1]")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the whole text after it, and its time in seconds from the start of the trace."""

    due_s: float
    text: str


@dataclass(frozen=True)
class Trace:
    """One typist: the initial text, and an infinite iterator of keys that can be consumed once."""

    opening: str
    keys: Iterator[Key]


def trace(reviews: Sequence[str], kind: Kind, seed: str, rhythm: Rhythm | None = None) -> Trace:
    """Return a typist of randomly chosen reviews. The same arguments give the same trace."""
    rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
    opening, passages = _short(rng, reviews) if kind == "short" else _long(rng, reviews)
    return Trace(opening, _keys(rng, rhythm or Rhythm(), opening, passages))


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    fresh: bool
    """Whether the review replaces the text; otherwise it continues it."""


def _short(rng: random.Random, reviews: Sequence[str]) -> tuple[str, Iterator[_Passage]]:
    # Start inside a review: otherwise all typists would start their second review at the same time.
    first = rng.choice(reviews)[:SHORT_CHARS]
    begun = rng.randrange(len(first))

    def passages() -> Iterator[_Passage]:
        yield _Passage(first[begun:], fresh=False)
        while True:
            yield _Passage(rng.choice(reviews)[:SHORT_CHARS], fresh=True)

    return first[:begun], passages()


def _long(rng: random.Random, reviews: Sequence[str]) -> tuple[str, Iterator[_Passage]]:
    text = rng.choice(reviews)
    while len(text) <= LONG_CHARS:
        text += "\n\n" + rng.choice(reviews)

    def passages() -> Iterator[_Passage]:
        yield _Passage(text[LONG_CHARS:], fresh=False)
        while True:
            yield _Passage("\n\n" + rng.choice(reviews), fresh=False)

    return text[:LONG_CHARS], passages()


def _keys(rng: random.Random, rhythm: Rhythm, typed: str, passages: Iterator[_Passage]) -> Iterator[Key]:
    due_s = rng.uniform(0, 1 / rhythm.keys_per_s)
    for passage in passages:
        if passage.fresh:
            typed = ""
        gap_s = _mean_gap_s(rhythm, passage.text)
        position = 0
        while position < len(passage.text):
            step, wrong = _step(rng, rhythm, passage.text, position)
            # The backspace restores the text before the wrong letter.
            for text in ([typed + wrong, typed] if wrong else []) + [typed + step]:
                yield Key(due_s, text)
                due_s += _log_normal(rng, gap_s, rhythm.gap_sigma)
            typed += step
            position += len(step)
            if _SENTENCE_END.match(passage.text, position - 1):
                due_s += _log_normal(rng, rhythm.pause_s, rhythm.gap_sigma)


def _step(rng: random.Random, rhythm: Rhythm, text: str, position: int) -> tuple[str, str]:
    """Return the next part of the text, and the wrong letter typed before it, if any."""
    letter = text[position]
    begins_word = letter.isalpha() and (position == 0 or text[position - 1].isspace())
    if begins_word and rng.random() < rhythm.paste_share:
        return text[position : position + rng.randint(*_PASTE_CHARS)], ""
    if letter.isalpha() and rng.random() < rhythm.typo_share:
        return letter, rng.choice(string.ascii_lowercase.replace(letter.lower(), ""))
    return letter, ""


def _mean_gap_s(rhythm: Rhythm, text: str) -> float:
    """Return the mean gap that remains after the pauses of this text."""
    mean_s = 1 / rhythm.keys_per_s
    pauses_s = rhythm.pause_s * len(_SENTENCE_END.findall(text))
    # A wrong letter costs two more keys, which also share the pauses.
    keys = max(1, len(text)) * (1 + 2 * rhythm.typo_share)
    return max(_LEAST_GAP * mean_s, mean_s - pauses_s / keys)


def _log_normal(rng: random.Random, mean: float, sigma: float) -> float:
    if mean == 0:
        return 0.0
    # The mean of a log-normal variable is exp(mu + sigma² / 2).
    return mean * rng.lognormvariate(-sigma * sigma / 2, sigma)

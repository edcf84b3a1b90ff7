"""What somebody types, key by key, and when: the same seed gives the same keys.

A due time depends on no answer: a slow server gets its keys as fast as a quick one.
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
"""After so many characters, about 60 tokens, a typist of short texts begins a new review."""
LONG_CHARS: Final = 2_000
"""What already stands there when a typist of a long text begins."""

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
_PASTE_CHARS = (20, 120)
_LEAST_GAP = 0.3
"""Share of the mean gap that is left between two keys where a text is nothing but ends of sentences."""


@dataclass(frozen=True)
class Rhythm:
    """How a person types; ValueError where it makes no sense.

    Gaps between keys are log-normal, as measured by Dhakal et al. (CHI 2018) over 136 million keystrokes.
    """

    keys_per_s: float = 6.0
    """Mean, pauses and corrections included."""
    gap_sigma: float = 0.5
    """Standard deviation of the logarithm of a gap."""
    pause_s: float = 1.0
    """Mean of the pause after a sentence, which is log-normal too and comes on top of the gap."""
    typo_share: float = 0.03
    """Letters that are first typed wrong: the wrong one, a backspace, the right one."""
    paste_share: float = 0.003
    """Words with which a paste of 20 to 120 characters begins."""

    def __post_init__(self) -> None:
        if self.keys_per_s <= 0 or self.gap_sigma < 0 or self.pause_s < 0:
            raise ValueError("keys_per_s must be above 0, gap_sigma and pause_s 0 or more")
        if not 0 <= self.typo_share <= 1 or not 0 <= self.paste_share <= 1:
            raise ValueError("typo_share and paste_share must be within [0, 1]")


@dataclass(frozen=True, slots=True)
class Key:
    """One key: the whole text after it, and when it is pressed, in seconds from the begin of the trace."""

    due_s: float
    text: str


@dataclass(frozen=True)
class Trace:
    """One typist: what stands there at the begin, and keys without end. The keys can be taken once."""

    opening: str
    keys: Iterator[Key]


def trace(reviews: Sequence[str], kind: Kind, seed: str, rhythm: Rhythm | None = None) -> Trace:
    """Make one typist of reviews chosen at random. The same arguments give the same trace."""
    rng = random.Random(seed)  # noqa: S311 - chance, not secrecy
    opening, passages = _short(rng, reviews) if kind == "short" else _long(rng, reviews)
    return Trace(opening, _keys(rng, rhythm or Rhythm(), opening, passages))


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    fresh: bool
    """Whether it takes the place of what stands there; otherwise it goes on at its end."""


def _short(rng: random.Random, reviews: Sequence[str]) -> tuple[str, Iterator[_Passage]]:
    # Somewhere within a review: typists who all begin at once would also all begin their second review at once.
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
            # The backspace after a wrong letter brings the text before it back.
            for text in ([typed + wrong, typed] if wrong else []) + [typed + step]:
                yield Key(due_s, text)
                due_s += _log_normal(rng, gap_s, rhythm.gap_sigma)
            typed += step
            position += len(step)
            if _SENTENCE_END.match(passage.text, position - 1):
                due_s += _log_normal(rng, rhythm.pause_s, rhythm.gap_sigma)


def _step(rng: random.Random, rhythm: Rhythm, text: str, position: int) -> tuple[str, str]:
    """What comes next of the text, and the wrong letter typed before it, if any."""
    letter = text[position]
    begins_word = letter.isalpha() and (position == 0 or text[position - 1].isspace())
    if begins_word and rng.random() < rhythm.paste_share:
        return text[position : position + rng.randint(*_PASTE_CHARS)], ""
    if letter.isalpha() and rng.random() < rhythm.typo_share:
        return letter, rng.choice(string.ascii_lowercase.replace(letter.lower(), ""))
    return letter, ""


def _mean_gap_s(rhythm: Rhythm, text: str) -> float:
    """What is left for a gap when the pauses of this text are taken off the mean time of a key."""
    mean_s = 1 / rhythm.keys_per_s
    pauses_s = rhythm.pause_s * len(_SENTENCE_END.findall(text))
    # A wrong letter costs two more keys, which share the time of the pauses.
    keys = max(1, len(text)) * (1 + 2 * rhythm.typo_share)
    return max(_LEAST_GAP * mean_s, mean_s - pauses_s / keys)


def _log_normal(rng: random.Random, mean: float, sigma: float) -> float:
    if mean == 0:
        return 0.0
    # The exponential of a normal variable has the mean exp(mu + sigma² / 2).
    return mean * rng.lognormvariate(-sigma * sigma / 2, sigma)

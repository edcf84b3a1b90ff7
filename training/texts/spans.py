"""Parts of reviews to rate: whole reviews, random beginnings, and single sentences."""

import re
from typing import Final, NamedTuple

SENTENCE_WORDS: Final = (5, 30)
"""Minimum and maximum words of a sentence: shorter ones say little, longer ones are often not single sentences."""

_END = re.compile(r"""[.!?]+["'’”)\]]*(?=\s)|(?=<br)""")
_BREAKS = re.compile(r"(?:\s|<br\s*/?>)*")


class Span(NamedTuple):
    """A part of one review of a list."""

    review: int
    offset: int
    """Offset in characters."""
    chars: int


def sentences(text: str) -> list[tuple[int, int]]:
    """Return offset and length, in characters, of sentences of 5 to 30 words. A line break ends a sentence too."""
    found = []
    start = _skip_breaks(text, 0)
    for end in [*(match.end() for match in _END.finditer(text)), len(text)]:
        if end <= start:
            continue
        sentence = text[start:end].rstrip()
        if SENTENCE_WORDS[0] <= len(sentence.split()) <= SENTENCE_WORDS[1]:
            found.append((start, len(sentence)))
        start = _skip_breaks(text, end)
    return found


def _skip_breaks(text: str, start: int) -> int:
    match = _BREAKS.match(text, start)
    return match.end() if match else start

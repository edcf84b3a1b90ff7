"""Parts of reviews that are rated by themselves: whole reviews, random beginnings, single sentences."""

import re
from typing import Final, NamedTuple

SENTENCE_WORDS: Final = (5, 30)
"""Fewest and most words of a sentence that is taken: shorter ones say little, longer ones are often no sentence."""

_END = re.compile(r"""[.!?]+["'’”)\]]*(?=\s)|(?=<br)""")
_BREAKS = re.compile(r"(?:\s|<br\s*/?>)*")


class Span(NamedTuple):
    """A part of one review of a list."""

    review: int
    offset: int
    """Characters before it."""
    chars: int


def sentences(text: str) -> list[tuple[int, int]]:
    """Offset and length, in characters, of the sentences of 5 to 30 words; line breaks end a sentence too."""
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

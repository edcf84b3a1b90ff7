"""Splits a text into words and sentences, as spans of code points that never cut a grapheme cluster."""

import itertools
import math
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import regex

Unit = Literal["word", "phrase", "sentence"]

_WORD_BOUNDARY: Final = regex.compile(r"\b", regex.WORD)
_GRAPHEME_CLUSTER: Final = regex.compile(r"\X")
_SAYS_SOMETHING: Final = regex.compile(r"[\p{L}\p{N}\p{So}]")
# A full stop inside a run of full stops starts no match, or matching would be quadratic.
_SENTENCE_END: Final = regex.compile(
    r"""
      (?<![.!?…]) (?<!\b(?:Mr|Mrs|Ms|Dr|St|vs)) [.!?…]++ ["'”’»)\]]*+ (?=\s++\P{Ll})
    | [。！？]++ [”’」』）]*+
    | \n++
    """,
    regex.VERBOSE,
)
_BREAK: Final = regex.compile(r"<br\s*+/?>", regex.IGNORECASE)
_FLAG: Final = regex.compile("[\U0001f1e6-\U0001f1ff]{1,2}")
_LIKE_A_FLAG: Final = "\u2422\ufe0f"
"""A symbol and a variation selector: one word and one cluster, as a flag is."""


class Span(NamedTuple):
    """The characters ``begin`` to ``end`` (exclusive)."""

    begin: int
    end: int
    unit: Unit


def words(text: str) -> list[Span]:
    """Return words by the default boundaries of Unicode (UAX 29), and each emoji; no punctuation and no ``<br />``."""
    lines = _simplified(text)
    clusters = _cluster_boundaries(lines)
    boundaries = [begin for match in _WORD_BOUNDARY.finditer(lines) if (begin := match.start()) in clusters]
    return [
        Span(begin, end, "word")
        for begin, end in itertools.pairwise(boundaries)
        if _SAYS_SOMETHING.search(lines, begin, end)
    ]


def sentences(text: str) -> list[Span]:
    """Return sentences with at least one word, without surrounding white space. A line break ends a sentence."""
    lines = _simplified(text)
    clusters = _cluster_boundaries(lines)
    ends = [end for match in _SENTENCE_END.finditer(lines) if (end := match.end()) in clusters]
    return [
        Span(_skip_space(lines, begin, end, clusters), begin + len(lines[begin:end].rstrip()), "sentence")
        for begin, end in itertools.pairwise([0, *ends, len(text)])
        if _SAYS_SOMETHING.search(lines, begin, end)
    ]


def join(spans: Sequence[Span], most: int, unit: Unit) -> list[Span]:
    """Join neighbours evenly into at most ``most`` spans. Joined spans are of kind ``unit``."""
    size = max(1, math.ceil(len(spans) / most))
    groups = [spans[start : start + size] for start in range(0, len(spans), size)]
    return [Span(group[0].begin, group[-1].end, unit) if len(group) > 1 else group[0] for group in groups]


def _simplified(text: str) -> str:
    """Return a text of the same length with the same words and sentences.

    Each ``<br />`` becomes line breaks, as the model reads it. Each flag becomes another symbol: whether a letter of a
    flag begins one depends on all those before, so that searching many of them would be quadratic.
    """
    lines = _BREAK.sub(lambda match: "\n" * len(match[0]), text)
    return _FLAG.sub(lambda match: _LIKE_A_FLAG[: len(match[0])], lines)


def _cluster_boundaries(text: str) -> set[int]:
    return {match.end() for match in _GRAPHEME_CLUSTER.finditer(text)} | {0}


def _skip_space(text: str, begin: int, end: int, clusters: set[int]) -> int:
    first = end - len(text[begin:end].lstrip())
    # A combining accent may follow the space or the line break.
    return first if first in clusters else begin

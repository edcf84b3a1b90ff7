"""Texts in which some tokens are replaced by filler: what is left of a text if a word of it says nothing.

Positions, punctuation and all other tokens stay, so a rating changes by what a word means, not by its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from model_core.tokenization.segmentation import Span
from model_core.tokenizer import LocatedTokens


@dataclass(frozen=True, slots=True)
class Part:
    """A word or a sentence, and its tokens."""

    span: Span
    tokens: tuple[int, ...]
    """Indices in the ids of the text, ascending, at least one."""


@dataclass(frozen=True, slots=True)
class Filler:
    """Replaces tokens by ``token``, and those that are this token already by ``other``."""

    token: int
    other: int

    def fill(self, input_ids: Sequence[int], tokens: Iterable[int]) -> tuple[int, ...]:
        """Return the ids with the tokens at these indices replaced."""
        ids = list(input_ids)
        for index in tokens:
            ids[index] = self.other if ids[index] == self.token else self.token
        return tuple(ids)


def parts_of(spans: Sequence[Span], located: LocatedTokens) -> list[Part]:
    """Return the spans that the model reads, with their tokens, in the order of the text.

    Both the spans and the tokens must ascend. A token that several spans share belongs to each of them.
    """
    parts: list[Part] = []
    places, first = located.places, 0
    for span in spans:
        while first < len(places) and places[first][1] <= span.begin:
            first += 1
        end = first
        # [SEP] at the end is nowhere, at (0, 0).
        while end < len(places) and places[end][0] < span.end and places[end][1] > span.begin:
            end += 1
        if end > first:
            parts.append(Part(span, tuple(range(first, end))))
    return parts


def words_of(outer: Sequence[Part], words: Sequence[Part]) -> list[Part]:
    """Return each part of several words without its punctuation; parts of which no word is read are left out."""
    tokens = {index for word in words for index in word.tokens}
    kept = [Part(part.span, tuple(index for index in part.tokens if index in tokens)) for part in outer]
    return [part for part in kept if part.tokens]

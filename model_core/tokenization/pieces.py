"""Tokens of a text that changes: only what changed since the last text is tokenised again.

A text is cut into pieces before white space, punctuation and ideographs. WordPiece tokenises word by word, and BERT's
tokenizers begin a word at each of these, so the tokens of the pieces are exactly those of the whole text.
"""

from array import array
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import regex

PIECE_CHARS: Final = 64
"""Least number of characters of a piece, but for the last one of a text. Smaller ones save little more."""

_BEGINS_A_WORD: Final = regex.compile(
    r"""
      [\t\n\r\ $+<=>^`|~]
    | [[\p{Z}\p{P}\u3400-\u4dbf\u4e00-\u9fff]
       --[\u061d\u09fd\u0a76\u0c77\u0c84\u1b4e\u1b4f\u1b7d-\u1b7f\u2e43-\u2fff\U00010000-\U0010ffff]]
    """,
    regex.VERBOSE | regex.V1,
)
"""Not what became punctuation after Unicode 8, of which tokenizers knows nothing, and no control character: the
normaliser drops these."""

Tokens: TypeAlias = "array[int]"
"""Token ids in 4 bytes each: as Python numbers, those of a long text would take 200 KB of memory."""


class _Piece:
    __slots__ = ("chars", "tokens")

    def __init__(self, chars: int) -> None:
        self.chars = chars
        self.tokens: Tokens | None = None
        """None until the piece is tokenised."""


class Pieces:
    """One text, cut into pieces. A connection keeps those of its last text: the text and its tokens, nothing else.

    A next text gets pieces of its own, so that another thread may still tokenise these.
    """

    __slots__ = ("_pieces", "is_cut", "source", "text", "written")

    def __init__(
        self,
        source: object = None,
        written: str = "",
        text: str = "",
        pieces: Sequence[_Piece] = (),
        *,
        is_cut: bool = False,
    ) -> None:
        self.source = source
        """The tokenizer that the tokens belong to."""
        self.written = written
        """The text before it was cleaned."""
        self.text = text
        self.is_cut = is_cut
        """Whether cleaning left out the end of the text."""
        self._pieces = tuple(pieces)

    def changed_to(self, written: str, text: str, *, is_cut: bool = False) -> "Pieces":
        """Return the pieces of the next text, with the tokens of all that it shares with this one."""
        before, pieces = self.text, self._pieces
        head = shared_chars(before, text)
        tail = _shared_end(before, text, min(len(before), len(text)) - head)
        kept, begin = _pieces_within(pieces, head)
        # A piece ends where a word begins or at the end of the text, and a short last piece may grow.
        while kept and (not _may_cut(text, begin) or kept[-1].chars < PIECE_CHARS):
            begin -= kept.pop().chars
        last, length = _pieces_within(pieces[len(kept) :][::-1], tail)
        end = len(text) - length
        while last and (not _may_cut(text, end) or 0 < end - begin < PIECE_CHARS):
            end += last.pop().chars
        changed = [_Piece(size) for size in _cut(text[begin:end], is_whole=not last)]
        return Pieces(self.source, written, text, (*kept, *changed, *reversed(last)), is_cut=is_cut)

    @property
    def unknown_chars(self) -> int:
        """Characters that are not tokenised yet."""
        return sum(piece.chars for piece in self._pieces if piece.tokens is None)

    def tokenise(self, encode: Callable[[str], Sequence[int]], most_chars: int | None = None) -> None:
        """Tokenise the pieces that are not yet, or the first of them: at least one, and up to ``most_chars``."""
        begin, done = 0, 0
        for piece in self._pieces:
            if piece.tokens is None:
                if most_chars is not None and done and done + piece.chars > most_chars:
                    return
                piece.tokens = array("I", encode(self.text[begin : begin + piece.chars]))
                done += piece.chars
            begin += piece.chars

    def tokens(self) -> Tokens:
        """All tokens of the text. Every piece must be tokenised."""
        tokens: Tokens = array("I")
        for piece in self._pieces:
            tokens.extend(piece.tokens or ())
        return tokens


def shared_chars(before: str, after: str) -> int:
    """Length of the common beginning of two texts."""
    return _longest(min(len(before), len(after)), lambda size: before[:size] == after[:size])


def _shared_end(before: str, after: str, most: int) -> int:
    return _longest(most, lambda size: before[len(before) - size :] == after[len(after) - size :])


def _longest(most: int, holds: Callable[[int], bool]) -> int:
    """The largest size up to ``most`` for which ``holds``, by halving: comparing slices is what Python does fast."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if holds(middle):
            low = middle
        else:
            high = middle - 1
    return low


def _pieces_within(pieces: Sequence[_Piece], chars: int) -> tuple[list[_Piece], int]:
    """The first pieces that together have at most ``chars`` characters, and how many they have."""
    within: list[_Piece] = []
    total = 0
    for piece in pieces:
        if total + piece.chars > chars:
            break
        within.append(piece)
        total += piece.chars
    return within, total


def _may_cut(text: str, at: int) -> bool:
    return at == len(text) or _BEGINS_A_WORD.match(text, at) is not None


def _cut(text: str, *, is_whole: bool) -> list[int]:
    """Cut between words into pieces of PIECE_CHARS or a little more; return their lengths.

    The last one may be shorter if the text ends there (``is_whole``), else it becomes part of the one before.
    """
    cuts = [0]
    while (word := _BEGINS_A_WORD.search(text, cuts[-1] + PIECE_CHARS)) is not None:
        cuts.append(word.start())
    if not is_whole and len(cuts) > 1 and len(text) - cuts[-1] < PIECE_CHARS:
        cuts.pop()
    ends = [*cuts[1:], len(text)]
    return [end - begin for begin, end in zip(cuts, ends, strict=True) if end > begin]

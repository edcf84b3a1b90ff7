"""How much of a text an English reader could read: naive Bayes over its words, computed from the tokenizer's pieces.

Each word is evidence for English (above 0) or against it (below 0), in nats, from a table fitted by
``training.legibility``. The evidence of a word is bounded, so that a name or a foreign title counts little among
English words. The number of pieces is bounded too: a fixed number from head and tail, which takes well under 0.1 ms.
"""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer

EVIDENCE_FILE: Final = Path(__file__).with_name("legibility.txt")

PRIOR: Final = 3.0
"""Evidence for English before the first word."""
MOST_FOR: Final = 4.0
MOST_AGAINST: Final = 4.0
"""Maximum evidence of one word for or against English."""
MOST_AGAINST_PIECES: Final = 3.0
"""Maximum evidence against English of a word of several pieces, which may be a name or a typo."""
OF_A_RATING: Final = 6.0
"""Evidence of a stated rating such as "7/10"."""
OF_CODE: Final = -1.5
"""Evidence of each place that looks like code, such as ``f(``, ``x.y`` or ``{``."""

FEW_WORDS: Final = 3
"""With fewer words, a text is illegible only in another script, as code, or without any known piece."""
_KINDS_OF_CODE: Final = 4
"""Different places that look like code, which a few words have only if they are code without spaces."""
_HEAD_PIECES: Final = 32
_TAIL_PIECES: Final = 64
_HEAD_CHARS: Final = 200
_TAIL_CHARS: Final = 400
_SHORT_CHARS: Final = 300
"""Maximum length of texts in which ratings and code are searched."""

WHOLE: Final = "[whole]"
START: Final = "[start]"
REST: Final = "[rest]"
"""Keys for pieces that are not in the table: a whole word, the first piece of a longer word, a later piece."""
_CONTINUES: Final = "##"

# Emoji that express a feeling: faces, hands, hearts; not a train or a flag.
_MOOD_RANGES: Final = (
    (0x1F600, 0x1F64F), (0x1F910, 0x1F917), (0x1F91A, 0x1F93E), (0x1F970, 0x1F97A), (0x1FAE0, 0x1FAE9),
    (0x1F440, 0x1F450), (0x1F48B, 0x1F49F), (0x1F90D, 0x1F90F), (0x1FA75, 0x1FA77), (0x1FAF0, 0x1FAF8),
    (0x270A, 0x270D),
)  # fmt: skip
_MOODS: Final = frozenset(chr(code) for first, last in _MOOD_RANGES for code in range(first, last + 1)) | frozenset(
    "🖤🧡🌟🎉🎊🏆💩💪💯💤💀🔥🖕🧐☹☺☠♡♥❣❤⭐✨★☆☝"
)
_RATING: Final = re.compile(
    r"(?<![\d/.:-])\d{1,3}(?:[.,]\d)?\s?(?:/|out of|of)\s?(?:(?:10|5|4|100|ten|five|four)(?![\d/:-])|1?\s*$)"
    r"|\*{2,10}(?!\w)",
    re.IGNORECASE,
)
_MAY_STATE_A_RATING: Final = re.compile(r"[\d*]")
"""A character that every match of ``_RATING`` has. Most texts have none, which is found ten times as fast."""
_MAY_BE_A_RATING: Final = re.compile(r"(?<![\d.,])(?:10|\d)(?:[.,]\d)?(?![.,]*\d)")
"""A number up to 10, which may be a rating or the beginning of one."""
_CODE: Final = re.compile(r"[{}=<>_\\|$]|\w\(|\w\.[a-z]|::|;\s*$|--\w|&&", re.MULTILINE)
_MAY_BE_CODE: Final = re.compile(
    r"[{}=<>_\\|$(.:;\-&]"
    r"(?:(?<=[{}=<>_\\|$])|(?<=\w\()|(?<=\w\.)[a-z]|(?<=::)|(?<=;)\s*$|(?<=--)\w|(?<=&&))",
    re.MULTILINE,
)
"""Matches somewhere if ``_CODE`` does. Looks closer at few characters, so it takes a tenth of the time."""
_LATIN_END: Final = 0x250


@dataclass(frozen=True)
class _Table:
    """The evidence for a vocabulary: a value per piece, and words of several pieces. Lists, since they are fastest."""

    whole: list[float]
    """Evidence of a piece as a whole word, or as a later piece of one."""
    start: list[float]
    """Evidence of a piece as the first of a longer word."""
    continues: list[bool]
    letters: list[bool]
    other_script: list[bool]
    words: Mapping[tuple[int, ...], float]


class Legibility:
    """Computes how legible texts are for a model with this vocabulary. Thread-safe."""

    def __init__(self, tokenizer: Tokenizer, evidence: Mapping[str, float] | None = None) -> None:
        self._table = _table_for(tokenizer, read_evidence() if evidence is None else evidence)
        self._unknown = tokenizer.token_to_id("[UNK]")

    def __call__(self, text: str, pieces: Sequence[int]) -> float:
        """Probability, 0 to 1, that the text can be read; ``pieces`` are its token ids as the model reads them."""
        if not pieces:
            return 1.0
        pieces = (*pieces[:_HEAD_PIECES], *pieces[_HEAD_PIECES:][-_TAIL_PIECES:])
        unknown = pieces.count(self._unknown)
        if unknown and not _MOODS.isdisjoint(sample(text)):
            # The unknown piece is that emoji.
            pieces = tuple(piece for piece in pieces if piece != self._unknown)
            if not pieces:
                return 1.0
        elif unknown == len(pieces):
            return 0.0
        table = self._table
        # For a long text the words are enough.
        short = text if len(text) <= _SHORT_CHARS else ""
        code = _CODE.findall(short) if _MAY_BE_CODE.search(short) else []
        states_a_rating = _MAY_STATE_A_RATING.search(short) is not None and _RATING.search(short) is not None
        if len(text.split(None, FEW_WORDS)) < FEW_WORDS and len(set(code)) < _KINDS_OF_CODE:
            others = sum(table.other_script[piece] for piece in pieces)
            # Of another script, some letters have a piece and others are unknown.
            if others and 2 * (others + pieces.count(self._unknown)) > len(pieces):
                return 0.0
            return _NEITHER if self._is_other_number(short, pieces) else 1.0
        score = PRIOR + self._evidence(pieces)
        if not any(table.letters[piece] for piece in pieces):
            return 1.0 if states_a_rating or not _MOODS.isdisjoint(short) else 0.0
        score += OF_A_RATING * states_a_rating + OF_CODE * len(code)
        return round(_sigmoid(score), 4)

    def _is_other_number(self, text: str, pieces: Sequence[int]) -> bool:
        """Whether a text of few words has only numbers, and none may be a rating."""
        if any(self._table.letters[piece] for piece in pieces) or not any(char.isdigit() for char in text):
            return False
        return not (_RATING.search(text) or _MAY_BE_A_RATING.search(text))

    def _evidence(self, pieces: tuple[int, ...]) -> float:
        whole, start, continues, words = self._table.whole, self._table.start, self._table.continues, self._table.words
        total, begin = 0.0, 0
        for end in range(1, len(pieces) + 1):
            if end < len(pieces) and continues[pieces[end]]:
                continue
            word = pieces[begin:end]
            begin = end
            if len(word) == 1:
                total += whole[word[0]]
            elif word in words:
                total += words[word]
            else:
                nats = start[word[0]]
                for piece in word[1:]:
                    nats += whole[piece]
                total += min(max(nats, -MOST_AGAINST_PIECES), MOST_FOR)
        return total


def read_evidence(path: Path = EVIDENCE_FILE) -> dict[str, float]:
    """Read the table. Each line has a number of nats, and the words with that evidence."""
    evidence: dict[str, float] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("# "):
            nats, *words = line.split(" ")
            evidence |= dict.fromkeys(words, float(nats))
    return evidence


def _table_for(tokenizer: Tokenizer, evidence: Mapping[str, float]) -> _Table:
    vocabulary = tokenizer.get_vocab()
    size = max(vocabulary.values()) + 1
    whole, start = ([evidence[key]] * size for key in (WHOLE, START))
    continues, letters, other_script = ([False] * size for _ in range(3))
    for piece, number in vocabulary.items():
        other_script[number] = _is_other_script(piece)
        letters[number] = any(char.isalpha() for char in piece)
        continues[number] = piece.startswith(_CONTINUES)
        if other_script[number]:
            whole[number] = start[number] = -MOST_AGAINST
        else:
            whole[number] = evidence.get(piece, evidence[REST if continues[number] else WHOLE])
            start[number] = evidence.get(piece + _CONTINUES, evidence[START])
    longer = [word for word in evidence if word not in vocabulary and word.isalnum()]
    encoded = tokenizer.encode_batch(longer, add_special_tokens=False)
    words = {tuple(encoding.ids): evidence[word] for word, encoding in zip(longer, encoded, strict=True)}
    return _Table(whole, start, continues, letters, other_script, words)


def _is_other_script(piece: str) -> bool:
    return any(
        char.isalpha() and ord(char) >= _LATIN_END and "LATIN" not in unicodedata.name(char, "") for char in piece
    )


def sample(text: str) -> str:
    """Return the part of a text that is searched for emoji: its head and tail."""
    if len(text) <= _HEAD_CHARS + _TAIL_CHARS:
        return text
    return f"{text[:_HEAD_CHARS]} {text[-_TAIL_CHARS:]}"


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))


_NEITHER: Final = round(_sigmoid(PRIOR), 4)
"""For texts without evidence for or against English."""

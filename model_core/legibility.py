"""How much of a text an English reader could read: naive Bayes over its words, computed from the model's own pieces.

Each word is evidence for English (above 0) or against it (below), in nats, from a table that ``training.legibility``
fits. The evidence of a word is bounded, so that a name or a foreign title weighs little among English words. What is
read is bounded too: the same pieces from head and tail at any length, well under 0.1 ms.
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
"""What speaks for English before the first word."""
MOST_FOR: Final = 4.0
MOST_AGAINST: Final = 4.0
"""The most that one word may say for or against English."""
MOST_AGAINST_PIECES: Final = 3.0
"""The same for a word of several pieces, which may as well be a name or a typo."""
OF_A_RATING: Final = 6.0
"""What a stated rating such as "7/10" says for English."""
OF_CODE: Final = -1.5
"""What each place says that looks like code, such as ``f(``, ``x.y`` or ``{``."""

FEW_WORDS: Final = 3
"""With fewer words there is no telling: only another script, or no known piece, is illegible."""
_HEAD_PIECES: Final = 32
_TAIL_PIECES: Final = 64
_HEAD_CHARS: Final = 200
_TAIL_CHARS: Final = 400
_SHORT_CHARS: Final = 300
"""In texts up to this length ratings and code are looked for."""

WHOLE: Final = "[whole]"
START: Final = "[start]"
REST: Final = "[rest]"
"""Keys of the table for pieces that it does not list: a whole word, the first piece of a longer one, a later one."""
_CONTINUES: Final = "##"

# Faces, hands, hearts and what else says how somebody feels; a train or a flag does not.
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
_CODE: Final = re.compile(r"[{}=<>_\\|$]|\w\(|\w\.[a-z]|::|;\s*$|--\w|&&", re.MULTILINE)
_LATIN_END: Final = 0x250


@dataclass(frozen=True)
class _Table:
    """The evidence for a vocabulary: a value for each piece, and words of several pieces. Lists are read fastest."""

    whole: list[float]
    """What a piece says as a word, or as the rest of one."""
    start: list[float]
    """What it says as the first piece of a longer word."""
    continues: list[bool]
    letters: list[bool]
    other_script: list[bool]
    words: Mapping[tuple[int, ...], float]


class Legibility:
    """Tells how legible texts are to a model with this vocabulary. Safe to call from several threads."""

    def __init__(self, tokenizer: Tokenizer, evidence: Mapping[str, float] | None = None) -> None:
        self._table = _table_for(tokenizer, read_evidence() if evidence is None else evidence)
        self._unknown = tokenizer.token_to_id("[UNK]")

    def __call__(self, text: str, pieces: Sequence[int]) -> float:
        """Probability, 0 to 1, that the text can be read; ``pieces`` are its token ids as the model reads them."""
        if not pieces:
            return 1.0
        pieces = (*pieces[:_HEAD_PIECES], *pieces[_HEAD_PIECES:][-_TAIL_PIECES:])
        unknown = pieces.count(self._unknown)
        if unknown and not _MOODS.isdisjoint(_sample(text)):
            # What the vocabulary has no piece for is that mood.
            pieces = tuple(piece for piece in pieces if piece != self._unknown)
            if not pieces:
                return 1.0
        elif unknown == len(pieces):
            return 0.0
        table = self._table
        if len(text.split(None, FEW_WORDS)) < FEW_WORDS:
            others = sum(table.other_script[piece] for piece in pieces)
            # Some letters of a script have a piece, others have none.
            return 0.0 if others and 2 * (others + pieces.count(self._unknown)) > len(pieces) else 1.0
        score = PRIOR + self._evidence(pieces)
        # A long text is told by its words alone.
        short = text if len(text) <= _SHORT_CHARS else ""
        if not any(table.letters[piece] for piece in pieces):
            return 1.0 if _RATING.search(short) or not _MOODS.isdisjoint(short) else 0.0
        score += OF_A_RATING * (_RATING.search(short) is not None) + OF_CODE * len(_CODE.findall(short))
        return round(_sigmoid(score), 4)

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
    """Read the table: each line has a number of nats, and the words that say so much for English."""
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


def _sample(text: str) -> str:
    """Where moods are looked for."""
    if len(text) <= _HEAD_CHARS + _TAIL_CHARS:
        return text
    return f"{text[:_HEAD_CHARS]} {text[-_TAIL_CHARS:]}"


def _sigmoid(score: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, score))))

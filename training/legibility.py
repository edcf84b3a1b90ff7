"""Fit the table with which ``model_core.tokenization.legibility`` tells English from other texts.

``python -m training.legibility --data ARCHIVE`` counts pieces in the reviews of the training part and in the texts of
``training.texts.illegible``, and writes ``model_core/tokenization/legibility.txt``. ``training.evaluate`` measures how
well it works.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from model_core.checkpoint import TOKENIZER_FILE
from model_core.text import clean_text
from model_core.tokenization.legibility import EVIDENCE_FILE, MOST_AGAINST, MOST_FOR, REST, START, WHOLE
from training.data import add_data_argument, add_validation_argument, load_split
from training.errors import TrainingError
from training.evaluate import DEFAULT_CHECKPOINT
from training.texts import illegible

SHARES: Final = {"catalogs": 0.45, "words": 0.15, "gibberish": 0.15, "numbers": 0.1, "code": 0.15}
"""Shares of the kinds of illegible texts, whatever their sizes."""

_SEED: Final = 20_11
_MADE: Final = 3_000
_ILLEGIBLE_PIECES: Final = 400_000
"""Total count of illegible pieces, to which the shares apply; relative to ``_SMOOTHING``."""
_SMOOTHING: Final = 2.0
_STEP: Final = 0.5
"""Numbers of the table are rounded to multiples of this, in nats."""
_MIN_COUNT: Final = 3.0
"""Pieces with a lower total count are not listed."""
_MIN_WORD_COUNT: Final = 12
"""Words of several pieces with a lower count in the reviews are not listed."""
_WORD_MOST: Final = 3.0
_SLANG: Final = (
    "lol lmao rofl omg omfg wtf imo imho idk tbh ngl smh btw fyi meh yikes nope yep yeah nah haha hahaha "
    "soo sooo soooo gonna wanna gotta kinda sorta dunno dont didnt doesnt isnt wasnt cant wont thats ur luv gr8 plz "
    "thx cuz coz dis dat da tha teh moive movei flim awsome awesom suks sux sucky cringe cringey snoozefest yawn zzz "
    "zzzz bruh dude fam"
)


class _Counts:
    """Counts of pieces: [pieces] as a whole word or a later piece, then [pieces] as the first of several."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
        self.pieces = [piece for piece, _ in vocabulary]
        self.continues = np.array([piece.startswith("##") for piece in self.pieces])
        self.words: Counter[tuple[int, ...]] = Counter()

    def of(self, texts: Iterable[str], collect_words: bool = False) -> NDArray[np.float64]:
        size = len(self.pieces)
        counts = np.zeros(2 * size)
        for encoding in self._tokenizer.encode_batch([clean_text(text) for text in texts], add_special_tokens=False):
            ids = np.array(encoding.ids, dtype=np.int64)
            if not len(ids):
                continue
            continues = self.continues[ids]
            is_first = np.append(continues[1:], False) & ~continues
            counts += np.bincount(ids + size * is_first, minlength=2 * size)
            if collect_words:
                self._collect(encoding.ids, continues)
        return counts

    def _collect(self, ids: Sequence[int], continues: NDArray[np.bool_]) -> None:
        begins = np.flatnonzero(~continues)
        ends = np.append(begins[1:], len(ids))
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            if end - begin > 1:
                self.words[tuple(ids[begin:end])] += 1


def fit(tokenizer: Tokenizer, reviews: Sequence[str]) -> dict[str, float]:
    """Return the evidence of pieces and words for English, in nats: a table for ``Legibility``."""
    counted = _Counts(tokenizer)
    english = counted.of(reviews, collect_words=True)
    generator = random.Random(_SEED)
    sources = {
        "catalogs": illegible.foreign_catalogs(generator),
        "words": illegible.foreign_words(),
        "gibberish": illegible.gibberish(generator, _MADE),
        "numbers": illegible.numbers(generator, _MADE),
        "code": illegible.code(),
    }
    other = np.zeros_like(english)
    for kind, texts in sources.items():
        counts = counted.of(texts)
        other += SHARES[kind] * _ILLEGIBLE_PIECES * counts / counts.sum()
    english *= _ILLEGIBLE_PIECES / english.sum()
    return _table(counted, english, other)


def _table(counted: _Counts, english: NDArray[np.float64], other: NDArray[np.float64]) -> dict[str, float]:
    size = len(counted.pieces)
    odds = np.log(english + _SMOOTHING) - np.log(other + _SMOOTHING)
    is_first = np.arange(2 * size) >= size
    is_rest = np.append(counted.continues, np.zeros(size, dtype=bool))
    table: dict[str, float] = {}
    for key, places in ((WHOLE, ~is_first & ~is_rest), (START, is_first), (REST, is_rest)):
        seen = places & (english + other >= _MIN_COUNT)
        rare = places & ~seen
        table[key] = _step(np.log(english[rare].sum() + 1) - np.log(other[rare].sum() + 1))
        for place in np.flatnonzero(seen):
            piece = counted.pieces[place % size] + ("##" if key == START else "")
            nats = _step(odds[place])
            if nats != table[key] and piece.isprintable() and " " not in piece:
                table[piece] = nats
    for ids, count in counted.words.items():
        word = "".join(counted.pieces[piece].removeprefix("##") for piece in ids)
        if count >= _MIN_WORD_COUNT and word.isalnum():
            table[word] = min(_step(1 + np.log(count / _MIN_WORD_COUNT)), _WORD_MOST)
    for word in _SLANG.split():
        table[word] = max(table.get(word, 0.0), 2.0)
    return table


def _step(nats: float) -> float:
    return float(np.clip(round(nats / _STEP) * _STEP, -MOST_AGAINST, MOST_FOR))


def as_text(table: Mapping[str, float]) -> str:
    """Return the table as text: a line for each number of nats."""
    by_nats: dict[float, list[str]] = {}
    for word, nats in table.items():
        by_nats.setdefault(nats, []).append(word)
    lines = [
        "# Evidence for English, in nats, and the words that give so much. Written by python -m training.legibility.",
        "# x## begins a longer word, ##x goes on in one; [whole], [start] and [rest] stand for what is not listed.",
        *(f"{nats:g} {' '.join(sorted(words))}" for nats, words in sorted(by_nats.items())),
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.legibility", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="for its vocabulary (%(default)s)")
    add_validation_argument(parser)
    parser.add_argument("--output", type=Path, default=EVIDENCE_FILE, help="(%(default)s)")
    options = parser.parse_args(argv)
    tokenizer = Tokenizer.from_file(str(options.checkpoint / TOKENIZER_FILE))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    try:
        reviews = load_split(options.data, "train", options.validation_share)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    table = fit(tokenizer, [review.text for review in reviews])
    options.output.write_text(as_text(table), encoding="utf-8")
    print(f"{options.output}: {len(table):,} words and pieces")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

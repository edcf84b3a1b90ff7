"""WordPiece tokenization with the checkpoint's vocabulary, and truncation of long texts."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from model_core.checkpoint import ENGLISH, CheckpointConfig
from model_core.text import clean, clean_text
from model_core.tokenization.legibility import Legibility, sample
from model_core.tokenization.pieces import Pieces

_Item = TypeVar("_Item")

_NEEDED: Final = "an ELECTRA or BERT tokenizer.json is needed"

# One text at a time needs no threads, and those of tokenizers would print a warning whenever the process forks.
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # noqa: TID251 - the library has no other switch


@dataclass(frozen=True, slots=True)
class Encoding:
    """Token ids of one text, at most ``max_tokens``: ``[CLS] … [SEP]``, or ``[CLS] …`` for block-causal attention."""

    input_ids: tuple[int, ...]
    tokens: int
    """Tokens of the text that the model reads, without [CLS] and [SEP]; 0 if the text is empty."""
    truncated: bool
    legible: float | None = None
    """See ``model_core.tokenization.legibility``; None if the tokenizer does not compute it."""


@dataclass(frozen=True, slots=True)
class LocatedTokens:
    """The tokens that the model reads of a text, and where they are in it."""

    input_ids: tuple[int, ...]
    """As in ``Encoding``."""
    places: tuple[tuple[int, int], ...]
    """For each token, begin and end (exclusive) of its characters in the text as sent; (0, 0) for [CLS] and [SEP]."""
    block: int | None
    """Tokens that are read together: none attends to later blocks. None if all tokens attend to all."""
    unread: tuple[tuple[int, int], ...] = ()
    """Begin and end (exclusive) of the characters of a long text that the model does not read, in order."""


class TextTokenizer:
    """Cleans and encodes texts. Thread-safe.

    A text longer than ``max_tokens`` keeps its head and its tail, which are more informative than the middle (Sun et
    al. 2019, "How to Fine-Tune BERT for Text Classification?"). The tail starts at multiples of ``tail_step`` tokens,
    so between two steps a growing text only gains tokens at its end.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        max_tokens: int,
        head_share: float,
        tail_step: int = 1,
        *,
        separator: bool = True,
        legibility: Legibility | None = None,
        text_version: int = 1,
        block: int | None = None,
    ) -> None:
        if max_tokens < 3 or not 0 <= head_share <= 1:
            raise ValueError(f"max_tokens={max_tokens} must be 3 or more, head_share={head_share} within [0, 1]")
        if not (isinstance(tokenizer.pre_tokenizer, BertPreTokenizer) and _splits_ideographs(tokenizer)):
            raise ValueError(_NEEDED)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        # "[SEP]" in a text is what somebody typed, not the end of a sentence.
        tokenizer.encode_special_tokens = True
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens
        cls, sep, self.pad_id = (_token_id(tokenizer, name) for name in ("[CLS]", "[SEP]", "[PAD]"))
        self._start, self._end = (cls,), (sep,) if separator else ()
        self._room = max_tokens - len(self._start) - len(self._end)
        self._head = int(self._room * head_share)
        self._tail_step = tail_step
        self._legibility = legibility
        self._text_version = text_version
        self._block = block
        # The names of emoji are loaded now, not when a text has the first.
        clean_text("👍", version=text_version)

    @classmethod
    def from_config(cls, path: Path, config: CheckpointConfig) -> "TextTokenizer":
        """Load a Hugging Face ``tokenizer.json`` for the checkpoint's config.

        How legible a text is can be told of English alone.
        """
        tokenizer = Tokenizer.from_file(str(path))
        return cls.for_config(tokenizer, config, Legibility(tokenizer) if config.language == ENGLISH else None)

    @classmethod
    def for_config(
        cls, tokenizer: Tokenizer, config: CheckpointConfig, legibility: Legibility | None = None
    ) -> "TextTokenizer":
        """Wrap a tokenizer for a model of this config."""
        # A [SEP] would move with every key, and invalidate the cache before it.
        separator = config.attention == "full"
        return cls(
            tokenizer,
            config.max_tokens,
            config.head_share,
            config.tail_step,
            separator=separator,
            legibility=legibility,
            text_version=config.text,
            block=None if config.attention == "full" else config.block,
        )

    def encode(self, text: str, before: Pieces | None = None) -> Encoding:
        """Clean and encode one text of any length and content, as ``read`` with ``before``."""
        pieces = self.read(text, before)
        pieces.tokenise(self._tokens)
        tokens = pieces.tokens()
        ids = self._head_and_tail(tokens)
        legible = self._legible(text, pieces.text, ids)
        return Encoding(
            (*self._start, *ids, *self._end),
            len(ids),
            truncated=len(ids) < len(tokens) or pieces.is_cut,
            legible=legible,
        )

    def encoding_of(self, input_ids: tuple[int, ...]) -> Encoding:
        """Return the encoding of tokens instead of a text."""
        return Encoding(input_ids, len(input_ids) - len(self._start) - len(self._end), truncated=False)

    def locate(self, text: str) -> LocatedTokens:
        """Return the tokens of ``encode``, and their places in the text. Takes as long as tokenising all of it."""
        cleaned = clean(text, self._text_version)
        [encoding] = self._tokenizer.encode_batch([cleaned.text], add_special_tokens=False)
        offsets = encoding.offsets
        places = [cleaned.span_as_sent(*place) for place in self._head_and_tail(offsets)]
        unread = []
        if len(places) < len(offsets):
            # An emoji may have tokens on both sides.
            before, after = places[: self._head], places[self._head :]
            unread.append((before[-1][1] if before else 0, after[0][0] if after else len(text)))
        if cleaned.cut and places:
            unread.append((places[-1][1], len(text)))
        nowhere = ((0, 0),)
        return LocatedTokens(
            (*self._start, *self._head_and_tail(encoding.ids), *self._end),
            (*nowhere * len(self._start), *places, *nowhere * len(self._end)),
            self._block,
            tuple((begin, end) for begin, end in unread if begin < end),
        )

    @property
    def fillers(self) -> tuple[int, int]:
        """Two tokens that mean nothing: a comma and "the"."""
        return _token_id(self._tokenizer, ","), _token_id(self._tokenizer, "the")

    def read(self, text: str, before: Pieces | None = None) -> Pieces:
        """Clean a text and cut it. What it shares with an earlier text, in ``before``, is not tokenised again."""
        if before is None or before.source is not self:
            before = Pieces(self)
        if text == before.written:
            return before
        cleaned = clean(text, self._text_version)
        return before.changed_to(text, cleaned.text, is_cut=cleaned.cut)

    def tokenise(self, pieces: Pieces, most_chars: int) -> None:
        """Tokenise up to ``most_chars`` characters of ``pieces``, at least one piece, ahead of ``encode``."""
        pieces.tokenise(self._tokens, most_chars)

    def _head_and_tail(self, tokens: Sequence[_Item]) -> Sequence[_Item]:
        """Return what the model reads of all tokens: at most ``_room`` of them."""
        if len(tokens) <= self._room:
            return tokens
        left_out = math.ceil((len(tokens) - self._room) / self._tail_step) * self._tail_step
        return [*tokens[: self._head], *tokens[self._head + left_out :]]

    def _legible(self, text: str, cleaned: str, ids: Sequence[int]) -> float | None:
        if self._legibility is None:
            return None
        if self._text_version > 1 and not text.isascii() and (plain := clean_text(text)) != cleaned:
            # Emoji count as sent: the name of a train is English, but no more of a review than the train.
            return self._legibility(plain, self._tokens(sample(plain)))
        return self._legibility(cleaned, ids)

    def _tokens(self, cleaned: str) -> list[int]:
        # A batch, since `encode` keeps the GIL: the longest text would stop the event loop for a fifth of a second.
        [encoding] = self._tokenizer.encode_batch_fast([cleaned], add_special_tokens=False)
        ids: list[int] = encoding.ids
        return ids

    def save(self, path: Path) -> None:
        """Write the ``tokenizer.json``."""
        self._tokenizer.save(str(path))


def _splits_ideographs(tokenizer: Tokenizer) -> bool:
    normalizer = tokenizer.normalizer
    return isinstance(normalizer, BertNormalizer) and bool(normalizer.handle_chinese_chars)


def _token_id(tokenizer: Tokenizer, token: str) -> int:
    token_id = tokenizer.token_to_id(token)
    if token_id is None:
        raise ValueError(f"the vocabulary has no {token}: {_NEEDED}")
    return int(token_id)

"""Text to token ids: the checkpoint's WordPiece vocabulary, and the choice of tokens where a text is too long."""

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from model_core.text import MAX_CHARS, clean_text


@dataclass(frozen=True, slots=True)
class Encoding:
    """Token ids of one text, ``[CLS] … [SEP]``, at most ``max_tokens`` of them."""

    input_ids: tuple[int, ...]
    tokens: int
    """Tokens of the text itself that the model reads: without [CLS] and [SEP]; 0 means nothing typed yet."""
    truncated: bool


class TextTokenizer:
    """Cleans and encodes texts. Safe to call from several threads.

    A text longer than ``max_tokens`` keeps its head and its tail, which tell more about a rating than the middle
    (Sun et al. 2019, "How to Fine-Tune BERT for Text Classification?").
    """

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, head_share: float) -> None:
        if max_tokens < 3 or not 0 <= head_share <= 1:
            raise ValueError(f"max_tokens={max_tokens} must be 3 or more, head_share={head_share} within [0, 1]")
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.max_tokens = max_tokens
        self._room = max_tokens - 2
        self._head = int(self._room * head_share)
        self._cls, self._sep, self.pad_id = (_token_id(tokenizer, name) for name in ("[CLS]", "[SEP]", "[PAD]"))

    @classmethod
    def from_file(cls, path: Path, max_tokens: int, head_share: float) -> "TextTokenizer":
        """Read a Hugging Face ``tokenizer.json``."""
        return cls(Tokenizer.from_file(str(path)), max_tokens, head_share)

    def encode(self, text: str) -> Encoding:
        """Clean and encode one text of any length and content."""
        ids = self._tokenizer.encode(clean_text(text), add_special_tokens=False).ids
        too_long = len(ids) > self._room
        if too_long:
            ids = ids[: self._head] + ids[len(ids) - (self._room - self._head) :]
        return Encoding((self._cls, *ids, self._sep), len(ids), truncated=too_long or len(text) > MAX_CHARS)

    def save(self, path: Path) -> None:
        """Write the ``tokenizer.json``."""
        self._tokenizer.save(str(path))


def _token_id(tokenizer: Tokenizer, token: str) -> int:
    token_id = tokenizer.token_to_id(token)
    if token_id is None:
        raise ValueError(f"the vocabulary has no {token}: an ELECTRA or BERT tokenizer.json is needed")
    return int(token_id)

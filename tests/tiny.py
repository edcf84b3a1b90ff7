"""The tokenizer and the config of a tiny checkpoint. Its weights are in tests.factories, which needs PyTorch."""

import string
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from model_core.checkpoint import CheckpointConfig

WORDS = ("the", "film", "was", "good", "bad", "great", "awful", "a", "of", "and", "##ly", "##ing", "movie", "plot")
TINY_PRIOR = (0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2)
TINY_TOKENS = 64


def tiny_tokenizer() -> Tokenizer:
    """A WordPiece tokenizer that cuts like BERT's and spells whatever it has no word for."""
    pieces = [
        *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *WORDS,
        *(f"{prefix}{letter}" for prefix in ("", "##") for letter in string.ascii_lowercase + string.digits),
        *string.punctuation,
    ]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def tiny_config(**options: Any) -> CheckpointConfig:
    """The Starcast entry of the tiny checkpoint."""
    defaults: dict[str, Any] = {
        "name": "tiny",
        "version": "7",
        "max_tokens": TINY_TOKENS,
        "head_share": 0.25,
        "prior": TINY_PRIOR,
        "temperature": ((1, 1.5),),
    }
    return CheckpointConfig(**{**defaults, **options})

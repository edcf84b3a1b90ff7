"""Samples of reviews and their beginnings, for validation and evaluation."""

import random
from collections.abc import Sequence
from typing import Final

from tokenizers import Tokenizer

from model_core.text import clean
from training.data import Review

PREFIX_TOKENS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_SAMPLE_SEED = 20_11


def first_tokens(tokenizer: Tokenizer, text: str, tokens: int, text_version: int = 1) -> str:
    """Return the beginning of a text, as sent, with its first ``tokens`` tokens."""
    cleaned = clean(text, text_version)
    offsets = tokenizer.encode(cleaned.text, add_special_tokens=False).offsets
    return text if len(offsets) <= tokens else text[: cleaned.span_as_sent(*offsets[tokens - 1])[1]]


def spread(reviews: Sequence[Review], count: int) -> list[Review]:
    """Return ``count`` random reviews, always the same; all of them if there are fewer."""
    return random.Random(_SAMPLE_SEED).sample(list(reviews), min(count, len(reviews)))

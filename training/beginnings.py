"""Samples of reviews and their beginnings, for validation and evaluation."""

import random
from collections.abc import Sequence
from typing import Final

from tokenizers import Tokenizer

from model_core.text import clean_text
from training.data import Review

PREFIX_TOKENS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_SAMPLE_SEED = 20_11


def first_tokens(tokenizer: Tokenizer, text: str, tokens: int) -> str:
    """Return the beginning of a text with its first ``tokens`` tokens."""
    cleaned = clean_text(text)
    offsets = tokenizer.encode(cleaned, add_special_tokens=False).offsets
    return cleaned if len(offsets) <= tokens else cleaned[: offsets[tokens - 1][1]]


def spread(reviews: Sequence[Review], count: int) -> list[Review]:
    """Return ``count`` random reviews, always the same; all of them if there are fewer."""
    return random.Random(_SAMPLE_SEED).sample(list(reviews), min(count, len(reviews)))

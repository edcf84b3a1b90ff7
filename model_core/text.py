"""Text cleaning, shared by training and serving."""

import re
from typing import Final

MAX_CHARS: Final = 20_000
"""Maximum number of characters (Unicode code points) that are read of a text.

The text is cut before the tokenizer, which takes most of a second for a megabyte. The tokenizer's normalization (NFD,
then stripping accents) can at most quadruple the length.
"""

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def replace_surrogates(text: str) -> str:
    """Replace each lone surrogate by U+FFFD. JSON can carry them, UTF-8 cannot."""
    # isascii is a flag of the string, so the common case is free.
    return text if text.isascii() else _LONE_SURROGATE.sub("�", text)


def clean_text(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return the text as the model reads it: cut, valid Unicode, ``<br />`` as line breaks."""
    return _LINE_BREAK.sub("\n", replace_surrogates(text[:max_chars]))

"""Text cleaning, one function for training and serving alike, so that the model meets what it was trained on."""

import re
from typing import Final

MAX_CHARS: Final = 20_000
"""Characters (Unicode code points) that are read of a text.

The cut comes before the tokenizer: tokenising a megabyte takes most of a second even where nearly all of it is
dropped afterwards. The tokenizer's own normalisation (NFD, then accents stripped) can at most quadruple the length.
"""

_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def replace_surrogates(text: str) -> str:
    """Put U+FFFD for each lone surrogate, which JSON can carry and UTF-8 cannot."""
    # isascii is a flag of the string: the common case costs nothing.
    return text if text.isascii() else _LONE_SURROGATE.sub("�", text)


def clean_text(text: str, max_chars: int = MAX_CHARS) -> str:
    """Return the text as the model reads it: cut, valid Unicode, with the dataset's ``<br />`` as line breaks."""
    return _LINE_BREAK.sub("\n", replace_surrogates(text[:max_chars]))

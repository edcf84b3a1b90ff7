"""What work costs, in units. One unit is about what encoding one token takes one core: 0.1 ms."""

import math
from dataclasses import dataclass
from typing import Final

LONG_TOKENS: Final = 128
"""A text with more tokens to encode is read in steps."""
CHARS_PER_UNIT: Final = 32
"""Characters that are tokenised for one unit. The slowest texts take as long; usual ones take a quarter of it."""
CACHED_PER_UNIT: Final = 32
"""Cached tokens that a pass reads for one unit."""


@dataclass(frozen=True, slots=True)
class Size:
    """The tokens of one text for the model."""

    new: int
    """Tokens to encode."""
    cached: int = 0
    """Tokens that are encoded already, and that the new ones attend to."""

    @property
    def units(self) -> int:
        """The cost of one pass, without tokenising."""
        return units_of_tokens(self.new, self.cached)


def units_of_tokens(new: int, cached: int) -> int:
    """The cost of one pass over ``new`` tokens after ``cached`` ones that are already encoded."""
    return max(1, new + cached // CACHED_PER_UNIT)


def units_of_chars(chars: int) -> int:
    """The cost of tokenising a number of characters."""
    return math.ceil(chars / CHARS_PER_UNIT)

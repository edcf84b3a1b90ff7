"""What is wrong with a message, in words of our own rather than of the library that found it."""

from collections.abc import Mapping
from typing import Any, Final

_AN_OBJECT: Final = "must be an object"
_A_WHOLE_NUMBER: Final = "must be a whole number"
_WORDS: Final = {
    "missing": "is missing",
    "string_type": "must be a string",
    "int_type": _A_WHOLE_NUMBER,
    "int_from_float": _A_WHOLE_NUMBER,
    "list_type": "must be a list",
    "model_type": _AN_OBJECT,
    "model_attributes_type": _AN_OBJECT,
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_long": "is too long: {max_length} at the most",
    "too_short": "is too short: {min_length} at the least",
    "string_pattern_mismatch": "must match {pattern}",
}


def in_words(error: Mapping[str, Any], param: str | None) -> str:
    """Say what an error of validation is about; ``param`` is the field at fault, None for all of the message."""
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        # Raised by ourselves.
        return str(context["error"])
    words = _WORDS.get(error["type"], "is not as it is described").format_map(context)
    # The library names literals as Python writes them.
    return f"{param or 'the message'} {words.replace('True', 'true')}"

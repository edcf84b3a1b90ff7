"""What is wrong with a message or a setting, in words of our own rather than of the library that found it."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

_AN_OBJECT: Final = "must be an object"
_A_WHOLE_NUMBER: Final = "must be a whole number"
_WORDS: Final = {
    "missing": "is missing",
    "string_type": "must be a string",
    "int_type": _A_WHOLE_NUMBER,
    "int_from_float": _A_WHOLE_NUMBER,
    "int_parsing": _A_WHOLE_NUMBER,
    "bool_parsing": "must be 1 or 0",
    "path_not_file": "must be the path of a file",
    "unexpected_keyword_argument": "is not one of them",
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


def in_one_line(error: ValidationError, names: Mapping[str, str] | None = None) -> str:
    """Say all that is wrong with settings, and the values at fault; ``names`` has other names for their fields."""
    names = names or {}
    lines = []
    for each in error.errors(include_url=False):
        name = ".".join(str(part) for part in each["loc"])
        if each["type"] == "value_error":
            lines.append(re.sub(r"\w+", lambda word: names.get(word[0], word[0]), in_words(each, name)))
        else:
            given = each["input"] if isinstance(each["input"], int) else str(each["input"])
            lines.append(f"{in_words(each, names.get(name, name))}, not {given!r}")
    return "; ".join(lines)

"""Error messages for invalid messages and settings, in plain words instead of pydantic's."""

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
    "unexpected_keyword_argument": "is not a known option",
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
    """Describe one validation error; ``param`` is the invalid field, None for the whole message."""
    context = error.get("ctx", {})
    if error["type"] == "value_error":
        # Raised by one of our own validators.
        return str(context["error"])
    words = _WORDS.get(error["type"], "is invalid").format_map(context)
    # pydantic writes literals as Python does.
    return f"{param or 'the message'} {words.replace('True', 'true')}"


def in_one_line(error: ValidationError, names: Mapping[str, str] | None = None) -> str:
    """Describe all validation errors of settings, with the invalid values. ``names`` maps fields to other names."""
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

"""Text cleaning, shared by training and serving.

A checkpoint says in ``config.json`` which version its texts are cleaned by: 1 makes ``<br />`` a line break, and 2 also
puts in the English names of emoji, which the vocabulary does not have.
"""

import bisect
import functools
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

MAX_CHARS: Final = 20_000
"""Maximum number of characters (Unicode code points) that are read of a text.

The text is cut before the tokenizer, which takes most of a second for a megabyte. The tokenizer's normalization (NFD,
then stripping accents) can at most quadruple the length.
"""

TEXT_VERSIONS: Final = (1, 2)

_LINE_BREAK = re.compile(r"<[bB][rR]\s*/?>")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_JOINER = "\u200d"
_VARIANT = re.compile("[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]")
"""Selectors of presentation and skin tones, which names do without."""
_SKIN_TONE = re.compile("[\U0001f3fb-\U0001f3ff]")

# Signs that texts use as such, © and ↔ among them, come before these ranges.
_FIRST = "\u2600-\u27bf\u2934-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff"
_KEY = "0-9#*"
_FLAG_LETTER = "\U0001f1e6-\U0001f1ff"
_REST = f"{_VARIANT.pattern}*[\U000e0020-\U000e007f]*"


@dataclass(frozen=True, slots=True)
class CleanedText:
    """A text as the model reads it, and the places of its characters in the text as sent."""

    text: str
    cut: bool
    """Whether characters at the end of the text were left out."""
    replaced: tuple[tuple[int, int, int, int], ...]
    """Begin and end of each replacement in ``text``, and of what it replaced in the text as sent; ascending."""

    def span_as_sent(self, begin: int, end: int) -> tuple[int, int]:
        """Return the span of the text as sent that became ``text[begin:end]``, whole replacements included."""
        return self._as_sent(begin, is_end=False), self._as_sent(end, is_end=True)

    def _as_sent(self, place: int, *, is_end: bool) -> int:
        # Every token of a long text asks for its place, and each emoji of it may be a replacement.
        before = bisect.bisect_left(self.replaced, (place,))
        if before == 0:
            return place
        _, last, sent_first, sent_last = self.replaced[before - 1]
        if place < last:
            return sent_last if is_end else sent_first
        return place + sent_last - last


def replace_surrogates(text: str) -> str:
    """Replace each lone surrogate by U+FFFD. JSON can carry them, UTF-8 cannot."""
    # isascii is a flag of the string, so the common case is free.
    return text if text.isascii() else _LONE_SURROGATE.sub("�", text)


def clean(text: str, version: int = 1, max_chars: int = MAX_CHARS) -> CleanedText:
    """Return the text as the model reads it: cut, valid Unicode, ``<br />`` as line breaks; emoji by name (version 2).

    Names make a text longer, so it is cut again after them. Names beyond the cut are not looked up.
    """
    sent = replace_surrogates(text[:max_chars])
    pattern = _LINE_BREAK if version == 1 or sent.isascii() else _line_break_or_emoji()
    parts: list[str] = []
    replaced: list[tuple[int, int, int, int]] = []
    length = done = 0
    for match in pattern.finditer(sent):
        begin = length + match.start() - done
        if begin >= max_chars:
            break
        new = _replacement(match[0])
        if new == match[0]:
            continue
        parts += (sent[done : match.start()], new)
        length, done = begin + len(new), match.end()
        replaced.append((begin, length, *match.span()))
    cleaned = "".join([*parts, sent[done:]])
    return CleanedText(cleaned[:max_chars], len(text) > max_chars or len(cleaned) > max_chars, tuple(replaced))


def clean_text(text: str, max_chars: int = MAX_CHARS, version: int = 1) -> str:
    """Return only the text of ``clean``."""
    return clean(text, version, max_chars).text


@functools.cache
def _names() -> Mapping[str, str]:
    """English names by emoji, without selectors and skin tones."""
    # Reading them takes a tenth of a second, which programs without a model do not need to spend.
    from emoji import EMOJI_DATA

    return {
        _VARIANT.sub("", emoji): data["en"].strip(":").replace("_", " ").removeprefix("keycap ")
        for emoji, data in EMOJI_DATA.items()
        if not _SKIN_TONE.search(emoji)
    }


@functools.cache
def _line_break_or_emoji() -> re.Pattern[str]:
    """What is replaced in version 2.

    Only characters with a name can begin an emoji. Half of the characters in the ranges have none; looking up each one
    of a long text would take tens of milliseconds.
    """
    named = sorted(ord(sign) for sign in _names() if re.fullmatch(f"[{_FIRST}]", sign))
    # As ranges, since a set of single astral characters is searched one by one.
    runs = [list(run) for _, run in itertools.groupby(named, key=lambda code: code - bisect.bisect(named, code))]
    of_a_name = "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)
    # One set of first characters, since the search for a set is fast; then what each of them begins.
    return re.compile(
        f"[<{_KEY}{_FLAG_LETTER}{_FIRST}](?:(?<=<)[bB][rR]\\s*/?>|(?<=[{_KEY}])\ufe0f?\u20e3|"
        f"(?<=[{_FLAG_LETTER}])[{_FLAG_LETTER}]|(?<=[{of_a_name}]){_REST}(?:{_JOINER}[{_FIRST}]{_REST})*)"
    )


def _replacement(found: str) -> str:
    if found.startswith("<"):
        return "\n"
    names = _names()
    if len(found) == 2 and found not in names and found[0] not in names:
        return found  # A flag of no country.
    plain = _VARIANT.sub("", found)
    # A sequence that has no name, or not yet, gets the names of its parts.
    name = names.get(plain) or " ".join(names[part[0]] for part in plain.split(_JOINER) if part[:1] in names)
    return f" {name} " if name else found

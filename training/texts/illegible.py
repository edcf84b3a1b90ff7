"""Texts that are not English, generated or gathered from installed packages, for ``training.legibility`` to learn from.

The sets for choosing thresholds and evaluation (``training.sets``) were written independently.
"""

import gettext
import random
import re
import string
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import django

_FOREIGN_WORDS: Final = Path(__file__).with_name("foreign_words.txt")
_MESSAGES_A_TEXT: Final = 8
_LINES_A_TEXT: Final = 10
_TECHNICAL_EVERY: Final = 20
_MAX_WORDS: Final = 40
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|<[^>]+>|&\w+;")
_COMMENT = re.compile(r'("""|\'\'\')[\s\S]*?\1|/\*[\s\S]*?\*/|#.*|^\s*//.*', re.MULTILINE)
_LATIN_END: Final = 0x250
_TECHNICAL: Final = (
    "traceback stderr stdout stdin localhost http https www html css js sql json xml yaml utf ascii git commit push "
    "pull npm pip apt sudo docker kubectl curl wget grep sed awk echo chmod mkdir rm cd ls bash sh env config args "
    "argv kwargs int str bool float char void null nil none true false const var let func fn def elif async await "
    "lambda varchar users id idx tmp foo bar baz qux src dst url uri api ctx req res err init utils lib cpu "
    "gpu ram usb php py"
)
"""Words of programs and shells that are too rare in the gathered files."""
_KEYBOARD: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def foreign_catalogs(generator: random.Random) -> list[str]:
    """Messages from Django's catalogs in about ninety languages with Latin letters, several per text."""
    texts: list[str] = []
    root = Path(django.__file__).parent
    by_language: dict[str, dict[str, None]] = {}
    for path in sorted(root.rglob("locale/*/LC_MESSAGES/django*.mo")):
        language = path.parent.parent.name
        if language.split("_")[0] != "en":
            by_language.setdefault(language, {}).update(dict.fromkeys(_messages(path)))
    for messages in by_language.values():
        listed = list(messages)
        generator.shuffle(listed)
        texts += [" ".join(listed[at : at + _MESSAGES_A_TEXT]) for at in range(0, len(listed), _MESSAGES_A_TEXT)]
    return texts


def foreign_words() -> list[str]:
    """Frequent everyday words, one text per language."""
    lines = _FOREIGN_WORDS.read_text(encoding="utf-8").splitlines()
    return [line.partition(" ")[2] for line in lines if not line.startswith("# ")]


def code() -> list[str]:
    """Lines of Python, JavaScript, CSS and HTML without comments, several per text, and technical words."""
    folders = (Path(sysconfig.get_paths()["stdlib"]), Path(django.__file__).parent)
    files = [*sorted(folders[0].glob("*.py")), *sorted(folders[1].glob("contrib/**/*.js"))]
    files += [*sorted(folders[1].glob("contrib/**/*.css")), *sorted(folders[1].glob("contrib/**/*.html"))]
    texts: list[str] = []
    for path in files:
        if ".min." not in path.name:
            stripped = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
            lines = [line for line in stripped.splitlines() if line.strip()]
            texts += ["\n".join(lines[at : at + _LINES_A_TEXT]) for at in range(0, len(lines), _LINES_A_TEXT)]
    return texts + [_TECHNICAL] * (len(texts) // _TECHNICAL_EVERY)


def gibberish(generator: random.Random, count: int) -> list[str]:
    """Random letters, keyboard mashing and meaningless syllables."""
    makers: tuple[Callable[[random.Random], str], ...] = (_letters, _mashed, _syllables, _characters)
    return [" ".join(_several(generator, generator.choice(makers))) for _ in range(count)]


def numbers(generator: random.Random, count: int) -> list[str]:
    """Dates, times, amounts and telephone numbers, in rows."""
    return [generator.choice((" ", ", ", " | ", "; ")).join(_several(generator, _number)) for _ in range(count)]


def _messages(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        catalog: dict[object, object] = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way to list one
    for source, message in catalog.items():
        if source and isinstance(message, str) and message != source:
            words = " ".join(_PLACEHOLDER.sub(" ", message).split())
            letters = [char for char in words if char.isalpha()]
            if len(letters) > 3 and all(ord(char) < _LATIN_END for char in letters):
                yield words


def _several(generator: random.Random, maker: Callable[[random.Random], str]) -> Iterator[str]:
    return (maker(generator) for _ in range(generator.randint(3, _MAX_WORDS)))


def _letters(generator: random.Random) -> str:
    return "".join(generator.choices(string.ascii_lowercase, k=generator.randint(2, 10)))


def _characters(generator: random.Random) -> str:
    return "".join(generator.choices(string.ascii_lowercase + string.digits + ";,./[]", k=generator.randint(3, 12)))


def _mashed(generator: random.Random) -> str:
    row = generator.choice(_KEYBOARD)
    place, word = generator.randrange(len(row)), ""
    for _ in range(generator.randint(3, 9)):
        if generator.random() < 0.2:
            row = generator.choice(_KEYBOARD)
        place = min(max(place + generator.choice((-1, 0, 1, 1, 2)), 0), len(row) - 1)
        word += row[place]
    return word


def _syllables(generator: random.Random) -> str:
    def syllable() -> str:
        end = generator.choice("bcdfghjklmnpqrstvwxz") if generator.random() < 0.4 else ""
        return generator.choice("bcdfghjklmnpqrstvwxz") + generator.choice("aeiou") + end

    return "".join(syllable() for _ in range(generator.randint(1, 3)))


def _number(generator: random.Random) -> str:
    pick = generator.randint
    makers: tuple[Callable[[], str], ...] = (
        lambda: f"{pick(1900, 2030)}-{pick(1, 12):02}-{pick(1, 31):02}",
        lambda: f"{pick(1, 31)}.{pick(1, 12)}.{pick(1900, 2030)}",
        lambda: f"{pick(1, 12)}/{pick(1, 31)}/{pick(1990, 2030)}",
        lambda: f"{pick(0, 23):02}:{pick(0, 59):02}",
        lambda: str(pick(1, 9999)),
        lambda: str(pick(1, 99)),
        lambda: f"{pick(0, 999)}.{pick(0, 99):02}",
        lambda: f"+{pick(1, 99)} {pick(100, 999)} {pick(1_000_000, 9_999_999)}",
        lambda: f"({pick(100, 999)}) {pick(100, 999)}-{pick(1000, 9999)}",
        lambda: generator.choice(("|", "-", "%", "$", "€", "=", "+", "kg", "km", "EUR", "USD", "tel", "id")),
    )
    return generator.choice(makers)()

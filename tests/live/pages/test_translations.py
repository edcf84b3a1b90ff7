"""The catalogs are complete and compiled, and have the placeholders of the original words."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils import translation

from tests.conftest import require_program
from tools.servers import REPOSITORY

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
DOMAINS = ("django", "djangojs")
PLACES = re.compile(r"%\(\w+\)s|%%|</?\w+|&\w+;")

each_catalog = pytest.mark.parametrize(("language", "domain"), [(each, name) for each in LANGUAGES for name in DOMAINS])


def catalog(language: str, domain: str, root: Path = REPOSITORY) -> Catalog:
    with (root / "live" / "locale" / language / "LC_MESSAGES" / f"{domain}.po").open("rb") as file:
        return read_po(file, locale=language)


def forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def key(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


@each_catalog
def test_every_word_is_translated_in_every_plural_form(language: str, domain: str) -> None:
    words = catalog(language, domain)
    assert len(words) > 40
    for message in words:
        assert all(forms(message)), message.id
        assert "fuzzy" not in message.flags
        assert len(forms(message)) == (words.num_plurals if message.pluralizable else 1)


@each_catalog
def test_a_translation_has_the_same_places_and_marks_as_what_it_translates(language: str, domain: str) -> None:
    for message in catalog(language, domain):
        if not message.id:
            continue
        original = message.id if isinstance(message.id, str) else message.id[-1]
        for form in forms(message):
            # A translation may say in what language a name is, which takes an element of its own.
            plain = re.sub(r"<span lang=\"en\">(.*?)</span>", r"\1", form)
            # Where a number stands in the words, "%" need not be escaped; where it does, both have to.
            places = sorted(set(PLACES.findall(original)))
            assert [place for place in places if place not in plain] == [], form
            assert {found for found in PLACES.findall(plain) if found.startswith("%(")} <= set(places), form


@each_catalog
def test_compiled_catalogs_match_their_sources(language: str, domain: str) -> None:
    path = REPOSITORY / "live" / "locale" / language / "LC_MESSAGES" / f"{domain}.mo"
    with path.open("rb") as file:
        compiled = read_mo(file)
    written = {key(message): forms(message) for message in catalog(language, domain) if message.id}
    assert {key(message): forms(message) for message in compiled if message.id} == written, "run: make messages"


def test_the_catalogs_hold_all_words_of_templates_modules_and_python(tmp_path: Path) -> None:
    require_program("xgettext")
    for name in ("live", "project", "model_core", "static"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("checkpoints", "__pycache__"))
    shutil.copy(REPOSITORY / "manage.py", tmp_path)
    for domain in DOMAINS:
        subprocess.run(
            [sys.executable, "manage.py", "makemessages", "--all", "--no-obsolete", "--domain", domain],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "STARCAST_DEBUG": "1", "STARCAST_DATA_DIR": str(tmp_path)},
            check=True,
            capture_output=True,
        )
        for language in LANGUAGES:
            gathered = {key(message) for message in catalog(language, domain, tmp_path)}
            known = {key(message) for message in catalog(language, domain)}
            assert gathered == known, "run: make messages"


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1 фрагмент слова"), (3, "3 фрагмента слов"), (11, "11 фрагментов слов"), (512, "512 фрагментов слов")],
)
def test_russian_counts_in_three_forms(count: int, words: str) -> None:
    with translation.override("ru"):
        found = translation.ngettext("%(pieces)s word piece", "%(pieces)s word pieces", count)
    assert found % {"pieces": count} == words

"""Write a new version into every file that has it: ``.venv/bin/python -m tools.release 0.2.0``.

In CHANGELOG.md, *Unreleased* becomes the version with today's date, below a new *Unreleased*.
"""

import argparse
import datetime
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tools.release_notes import REPOSITORY, ReleaseError

_CHANGELOG: Final = "CHANGELOG.md"
_UNRELEASED: Final = "## [Unreleased]\n"
_VERSION_AFTER: Final = {
    "pyproject.toml": 'version = "',
    "clients/python/src/starcast_client/__init__.py": '__version__ = "',
    "clients/js/package.json": '  "version": "',
    "deploy/kustomization.yaml": '    newTag: "',
    "CITATION.cff": "version: ",
}
"""How the line with the version begins."""


def release(folder: Path, version: str, date: datetime.date) -> None:
    """Write the version into the files of a folder. Raises ReleaseError, and then has written nothing."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ReleaseError(f"not a version such as 0.2.0: {version}")
    texts = {path: (folder / path).read_text() for path in (*_VERSION_AFTER, _CHANGELOG)}
    if f"## [{version}]" in texts[_CHANGELOG]:
        raise ReleaseError(f"{_CHANGELOG} has a section of {version} already")
    for path, begin in _VERSION_AFTER.items():
        texts[path] = _set(texts[path], begin, version)
    texts["CITATION.cff"] = _set(texts["CITATION.cff"], 'date-released: "', date.isoformat())
    section = f"{_UNRELEASED}\n## [{version}] - {date.isoformat()}\n"
    texts[_CHANGELOG] = texts[_CHANGELOG].replace(_UNRELEASED, section, 1)
    for path, text in texts.items():
        (folder / path).write_text(text)


def _set(text: str, begin: str, value: str) -> str:
    changed, count = re.subn(rf"^({re.escape(begin)})[\d.-]+", rf"\g<1>{value}", text, flags=re.MULTILINE)
    if count != 1:
        raise ReleaseError(f"{count} lines begin with {begin!r}")
    return changed


def main(argv: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog=".venv/bin/python -m tools.release", description=__doc__)
    parser.add_argument("version", help="such as 0.2.0")
    try:
        release(REPOSITORY, parser.parse_args(argv).version, datetime.datetime.now(datetime.UTC).date())
    except ReleaseError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()

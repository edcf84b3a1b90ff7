"""Print what CHANGELOG.md says of a release: ``python -m tools.release_notes v0.2.0``.

Fails where the tag is not the version of pyproject.toml, or has no dated section.
"""

import re
import sys
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


class ReleaseError(Exception):
    """The tag cannot be released."""


def release_notes(tag: str, version: str, changelog: str) -> str:
    """Return the section of the version, without its heading. Raises ReleaseError."""
    if tag != f"v{version}":
        raise ReleaseError(f"the tag is {tag}, but pyproject.toml says {version}")
    section = re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if section is None:
        raise ReleaseError(f"CHANGELOG.md has no section '## [{version}] - YYYY-MM-DD'")
    return section[1].strip() + "\n"


def main(tag: str) -> int:
    """Print the notes; return the exit status."""
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    try:
        sys.stdout.write(release_notes(tag, version, (REPOSITORY / "CHANGELOG.md").read_text()))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

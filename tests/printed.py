"""The examples of the docs, and a shell that runs them as they are printed."""

import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.servers import REPOSITORY, RunningServer

PAGES: Final = [
    path.relative_to(REPOSITORY).as_posix()
    for pattern in ("README.md", "docs/*.md", "clients/*/README.md")
    for path in sorted(REPOSITORY.glob(pattern))
]

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<content>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)

# Curl fails loudly and asks the server itself. Make installs nothing: the tests run in an environment that it made.
_SHELL: Final = """
curl() { command curl --fail-with-body --silent --noproxy '*' "$@"; echo; }
make() { command make --old-file .venv/serve --old-file .venv/all "$@"; }
git() { ln -s "$REPOSITORY" starcast; }
"""


@dataclass(frozen=True)
class Example:
    """A block of code: its page, the line of it, its language, and what is in it."""

    page: str
    line: int
    language: str
    content: str


def examples(page: str) -> list[Example]:
    """All blocks of a page, by its path in the repository."""
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    return [
        Example(page, text.count("\n", 0, block.start()) + 1, block["language"], textwrap.dedent(block["content"]))
        for block in _FENCE.finditer(text)
    ]


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in ``docs`` that are in a language."""
    return [example.content for example in examples(f"docs/{page}") if example.language == language]


def here(example: str, server: RunningServer) -> str:
    """Return an example with the address of this server in place of the one that the docs use."""
    return example.replace("localhost:8000", f"localhost:{server.port}")


def checkout(folder: Path) -> None:
    """Make a folder look like the repository to what is run in it."""
    for path in REPOSITORY.iterdir():
        if path.name not in ("var", "runs", "data", "build", ".venv"):
            (folder / path.name).symlink_to(path)
    (folder / ".venv").symlink_to(sys.prefix)


def in_a_fresh_shell(script: str, folder: Path, **variables: str) -> "subprocess.Popen[str]":
    """Start a script in a shell that has nothing but these variables. The first command that fails ends it."""
    return subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", _SHELL + script],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "REPOSITORY": str(REPOSITORY), "STARCAST_SECRET_KEY": "x" * 60, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def printed_by(script: str, folder: Path, **variables: str) -> str:
    """Run a script in a fresh shell; return what it prints. The time limit is that of the test."""
    with in_a_fresh_shell(script, folder, **variables) as process:
        try:
            output, errors = process.communicate()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, output + errors
    return output

"""Commands of the docs that train or measure: each takes the options that are printed, and the short ones run."""

import argparse
import importlib
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import get_commands

from tests.conftest import require_program
from tests.printed import PAGES, blocks, checkout, examples, in_a_fresh_shell, printed_by
from tools.servers import REPOSITORY, free_port
from tools.topology.services import wait_until

PYTHON = re.compile(r"(?:\S*/)?python3? -m ((?:training|benchmarks|tools)\S*)(.*)")


def commands_of(page: str) -> list[str]:
    """The lines of the shell examples of a page, without comments."""
    shell = [example.content for example in examples(page) if example.language in ("", "sh")]
    lines = "\n".join(shell).replace("\\\n", " ").splitlines()
    return [line for line in (re.sub(r"(^|\s)#.*", "", line).strip() for line in lines) if line]


def made(command: str) -> list[str]:
    """What make would do, line by line."""
    before, _, arguments = command.partition("make ")
    # Who runs the tests by make may have given it variables, such as arguments of pytest.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("ARGS", "MAKEFLAGS", "MAKEOVERRIDES")
    }
    dry = subprocess.run(
        [require_program("make"), "--dry-run", *shlex.split(arguments)],
        cwd=REPOSITORY,
        env={**environment, **dict(each.split("=", 1) for each in shlex.split(before))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert dry.returncode == 0, dry.stderr
    return dry.stdout.replace("\\\n", " ").splitlines()


class Parsed(Exception):  # noqa: N818 - reads as what it says
    """Raised in place of all that a program does with its options."""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if any("make" in each or "-m" in each for each in commands_of(page))]
)
def test_every_command_takes_the_options_that_are_printed(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse_args = argparse.ArgumentParser.parse_args

    def parse_and_end(parser: argparse.ArgumentParser, *arguments: Any) -> None:
        parse_args(parser, *arguments)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_end)
    # Make runs the same programs before it comes to what is printed.
    lines = [line for command in commands_of(page) for line in (made(command) if "make " in command else [command])]
    for line in lines:
        if django := re.search(r"python manage\.py (\w+)", line):
            assert django[1] in get_commands(), line
        elif (command := PYTHON.search(line)) and not command[1].startswith("tools"):
            module = command[1] if command[1] != "benchmarks" else "benchmarks.__main__"
            expect_parsed(module, shlex.split(command[2].partition(";")[0]), line)


def expect_parsed(module: str, arguments: Sequence[str], line: str) -> None:
    if arguments == ["--help"] or arguments[-1:] == ["--help"]:
        return
    try:
        importlib.import_module(module).main(arguments)
    except Parsed:
        return
    except SystemExit as error:
        pytest.fail(f"{line}: {error.__context__ or error}")
    pytest.fail(f"{line}: it has no options")


PRAISE = """
wonderful superb delightful charming brilliant moving gripping hilarious touching beautiful stunning
clever witty joyful inspired magnificent fresh tender thrilling perfect lovely masterful warm vivid
rich elegant funny honest heartfelt splendid
"""
BLAME = """
awful terrible dreadful boring tedious dull clumsy lifeless pointless annoying stupid ugly painful
wretched shallow messy predictable bland cheap incoherent horrible irritating lazy embarrassing
forgettable dismal stale hollow atrocious insulting
"""


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_labels_of_your_own_are_served_as_the_readme_says(tmp_path: Path) -> None:
    checkout(tmp_path)
    # Each word stands in one text only, so TF-IDF learns nothing that helps with another.
    rows = [
        f"A {word} film,{label}" for label, words in (("praise", PRAISE), ("blame", BLAME)) for word in words.split()
    ]
    (tmp_path / "questions.csv").write_text("\n".join(["text,label", *rows, ""]))
    (script,) = [each.content for each in examples("README.md") if "training.data import" in each.content]
    (same,) = [each.content for each in examples("docs/your-own-labels.md") if "make run" in each.content]
    assert without_comments(script) == without_comments(same)
    port = free_port()
    # Django finds the links' own place, and would keep its data there.
    data_dir = str(tmp_path / "var")
    variables = {"PORT": str(port), "ARGS": "--epochs 2 --threads 1", "STARCAST_DATA_DIR": data_dir}
    before, after = script.split("make run")
    printed_by(before, tmp_path, **variables)
    with in_a_fresh_shell("make run", tmp_path, **variables) as server:
        try:
            wait_until(lambda: served(port) != "", "the server answers")
            printed_by(after.partition("\n")[2], tmp_path, **variables)
            wait_until(lambda: served(port) == "questions", "the server has the new model")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.communicate(timeout=60)
    (example,) = blocks("your-own-labels.md", "python")
    (tmp_path / "use.py").write_text(example)
    assert "'praise': " in printed_by(".venv/bin/python use.py", tmp_path, PYTHONPATH=".")


def without_comments(script: str) -> list[str]:
    return [line.partition("  #")[0].rstrip() for line in script.splitlines()]


def served(port: int) -> str:
    """The name of the model that a server has, empty where there is none."""
    try:
        answer = httpx.get(f"http://localhost:{port}/api/v1/model", trust_env=False)
    except httpx.TransportError:
        return ""
    return str(answer.json()["model"]["name"])

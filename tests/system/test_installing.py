"""Both clients as the docs print it: installed outside the repository, and the first example run."""

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import require_program
from tests.printed import examples, here
from tools.servers import REPOSITORY, RunningServer

pytestmark = pytest.mark.long

SOURCES: Final = ("clients", "project", "static", "tests/js", "LICENSE", "Makefile", "NOTICE", "pyproject.toml")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the packages are built from: a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("repository")
    made = shutil.ignore_patterns("node_modules", "dist", "build", "*.egg-info", "__pycache__")
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=made)
        else:
            shutil.copy2(source, folder / name)
    return folder


def shell(script: str, folder: Path, programs: Path | None = None) -> str:
    """Run a script, with these programs before others; return what it prints."""
    # The tests find the client in the tree; here it has to be the installed one.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["PATH"] = os.pathsep.join([*([str(programs)] if programs else []), environment["PATH"]])
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment,
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def printed(page: str, begin: str) -> str:
    """Return the first example of a page that begins so."""
    return next(each.content for each in examples(page) if each.content.startswith(begin))


def test_the_python_client_is_installed_as_printed_and_rates(
    repository: Path, fake_server: RunningServer, tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    shell(printed("docs/clients.md", "pip install"), repository, programs)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "example.py").write_text(here(printed("docs/clients.md", "import asyncio"), fake_server))
    assert re.search(r"\d\.\d", shell("python example.py", elsewhere, programs))
    (elsewhere / "reviews.csv").write_text("id,review\n1,A fine film\n")
    score = printed("docs/clients.md", "starcast score").strip()
    shell(f"{score} --url {fake_server.http}", elsewhere, programs)
    assert (elsewhere / "ratings.parquet").stat().st_size
    # Its own sentence says that nothing is missing but a terminal.
    told = shell(f"{printed('docs/clients.md', 'starcast live').strip()} </dev/null 2>&1 || true", elsewhere, programs)
    assert "there is no terminal" in told


def test_the_npm_package_is_packed_and_installed_as_printed_and_rates(
    repository: Path, fake_server: RunningServer, tmp_path: Path
) -> None:
    require_program("npm")
    shell(printed("docs/javascript.md", "npm install"), repository)
    # Node.js 20 needs `ws`, and no other is hurt by it.
    shell(f"npm install --no-audit --no-fund {repository}/clients/js/starcast-client-*.tgz ws", tmp_path)
    (tmp_path / "rate.mjs").write_text(printed("docs/javascript.md", "import { connect }"))
    assert re.fullmatch(r"\d+\.\d stars\n", shell(f"node rate.mjs 'A fine film.' {fake_server.http}", tmp_path))


def test_make_packages_builds_both(repository: Path) -> None:
    require_program("npm")
    (repository / ".venv").symlink_to(sys.prefix)
    shell("make --old-file .venv/package packages", repository)
    built = sorted(path.suffix for path in (repository / "build" / "packages").rglob("starcast*"))
    assert built == [".gz", ".tgz", ".whl"]

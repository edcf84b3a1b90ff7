"""The Python client as pip installs it: what its wheel and source archive hold, and what it says of itself."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest
from starcast_client import __version__

from tools.servers import REPOSITORY


def run(*arguments: str, **environment: str) -> str:
    finished = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, check=False, env={**os.environ, **environment}, timeout=120,
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the wheel and the source archive, built without a network."""
    folder = tmp_path_factory.mktemp("client")
    # A copy: the build leaves files beside the sources.
    sources = shutil.copytree(
        REPOSITORY / "clients" / "python", folder / "sources", ignore=shutil.ignore_patterns("*.egg-info")
    )
    run("-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(sources))
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def test_the_package_index_would_take_both_archives(built: Path) -> None:
    archives = [str(path) for path in built.iterdir()]
    assert len(archives) == 2
    run("-m", "twine", "check", "--strict", *archives)


def test_the_wheel_holds_every_module_and_its_licence(wheel: Path) -> None:
    source = REPOSITORY / "clients" / "python" / "src"
    modules = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    names = set(zipfile.ZipFile(wheel).namelist())
    assert modules | {"starcast_client/py.typed"} <= names
    licences = {name.rpartition("/")[2] for name in names if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE"}


def test_the_source_archive_holds_the_licence(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as members:
        assert {"LICENSE", "NOTICE"} <= {name.rpartition("/")[2] for name in members.getnames()}


def test_the_package_and_the_command_name_the_same_version(wheel: Path) -> None:
    metadata = zipfile.ZipFile(wheel).read(f"starcast_client-{__version__}.dist-info/METADATA").decode()
    assert HeaderParser().parsestr(metadata)["Version"] == __version__
    # Python imports straight from the wheel.
    assert run("-m", "starcast_client.cli", "--version", PYTHONPATH=str(wheel)) == f"starcast {__version__}\n"

"""One command writes a version into every file that has it."""

import datetime
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tools.release import main, release
from tools.release_notes import ReleaseError, release_notes
from tools.servers import REPOSITORY

FILES = (
    "pyproject.toml",
    "clients/python/src/starcast_client/__init__.py",
    "clients/js/package.json",
    "deploy/kustomization.yaml",
    "CITATION.cff",
    "CHANGELOG.md",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((REPOSITORY / name).read_text())
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text() for name in FILES}


def test_a_release_has_its_version_everywhere_and_what_was_unreleased(folder: Path) -> None:
    unreleased = re.split(r"^## \[.*\n", texts(folder)["CHANGELOG.md"], flags=re.MULTILINE)[1]
    release(folder, "99.0.1", datetime.date(2031, 2, 3))
    project, client, package, site, citation, changelog = texts(folder).values()
    assert tomllib.loads(project)["project"]["version"] == "99.0.1"
    assert '\n__version__ = "99.0.1"\n' in client
    assert json.loads(package)["version"] == "99.0.1"
    assert yaml.safe_load(site)["images"][0]["newTag"] == "99.0.1"
    cited = yaml.safe_load(citation)
    assert (cited["version"], cited["date-released"]) == ("99.0.1", "2031-02-03")
    assert release_notes("v99.0.1", "99.0.1", changelog).strip() == unreleased.strip()
    assert re.findall(r"^## \[(.*?)\]", changelog, re.MULTILINE)[:2] == ["Unreleased", "99.0.1"]


@pytest.mark.parametrize("version", ["v1.0.0", "1.0", "0.1.0"], ids=["a tag", "two numbers", "released before"])
def test_what_cannot_be_released_changes_no_file(folder: Path, version: str) -> None:
    before = texts(folder)
    with pytest.raises(ReleaseError):
        release(folder, version, datetime.date(2031, 2, 3))
    assert texts(folder) == before


def test_a_file_without_its_version_is_named_before_any_is_written(folder: Path) -> None:
    (folder / "CITATION.cff").write_text("title: Starcast\n")
    before = texts(folder)
    with pytest.raises(ReleaseError):
        release(folder, "99.0.1", datetime.date(2031, 2, 3))
    assert texts(folder) == before


def test_a_wrong_version_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["next"])
    assert ended.value.code == 2
    assert "next" in capsys.readouterr().err

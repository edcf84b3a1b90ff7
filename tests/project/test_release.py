"""One version everywhere, a changelog that a release can be made of, and licences that go with what they cover."""

import datetime
import json
import re
import tomllib

import starcast_client
import yaml

from tools.release_notes import release_notes
from tools.servers import REPOSITORY

VERSION: str = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
CHANGELOG = (REPOSITORY / "CHANGELOG.md").read_text()
SECTIONS = re.findall(r"^## \[(.+?)\](?: - (\S+))?$", CHANGELOG, re.MULTILINE)


def test_every_part_has_the_version_of_pyproject() -> None:
    package = json.loads((REPOSITORY / "clients" / "js" / "package.json").read_text())
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    (image,) = yaml.safe_load((REPOSITORY / "deploy" / "kustomization.yaml").read_text())["images"]
    versions = {
        "clients/python": starcast_client.__version__,
        "clients/js": package["version"],
        "CITATION.cff": citation["version"],
        "deploy/kustomization.yaml": image["newTag"],
    }
    assert versions == dict.fromkeys(versions, VERSION)


def test_the_changelog_begins_with_what_is_unreleased_and_then_has_dated_releases() -> None:
    (first, no_date), *releases = SECTIONS
    assert (first, no_date) == ("Unreleased", "")
    dates = [datetime.date.fromisoformat(date) for _, date in releases]
    assert dates == sorted(dates, reverse=True)
    assert releases[0][0] == VERSION


def test_the_citation_has_the_date_of_the_release() -> None:
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
    assert citation["date-released"] == dict(SECTIONS)[VERSION]


def test_the_version_of_now_has_notes() -> None:
    assert release_notes(f"v{VERSION}", VERSION, CHANGELOG)


def test_the_client_has_the_same_licence_and_notice_as_the_rest() -> None:
    for name in ("LICENSE", "NOTICE"):
        assert (REPOSITORY / "clients" / "python" / name).read_text() == (REPOSITORY / name).read_text()


def test_the_licence_of_the_initial_weights_lies_beside_the_weights() -> None:
    (path,) = re.findall(r"model_core/checkpoints/\S+\.txt", (REPOSITORY / "NOTICE").read_text())
    assert "Apache License" in (REPOSITORY / path).read_text()

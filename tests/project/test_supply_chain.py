"""What is installed is pinned, can be audited, and can be listed."""

import itertools
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tools.servers import REPOSITORY

CONSTRAINTS = REPOSITORY / "project" / "constraints.txt"


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, str]:
    lines = [line for line in CONSTRAINTS.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines)
    return {canonical(line.split("==")[0]): line.split("==")[1] for line in lines}


def version_of(package: str) -> str:
    """Without what a build adds of its own, such as +cpu."""
    return metadata.version(package).split("+")[0]


def needed() -> set[str]:
    """All packages that Starcast with all its extras brings along, by what the installed ones say of themselves."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    listed = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    todo = [Requirement(line) for line in listed]
    found: set[tuple[str, str]] = set()
    while todo:
        wanted = todo.pop()
        for extra in ("", *wanted.extras):
            key = canonical(wanted.name), extra
            if key in found or key[0] == "starcast":
                continue
            found.add(key)
            requirements = (Requirement(line) for line in metadata.requires(key[0]) or ())
            todo += [each for each in requirements if not each.marker or each.marker.evaluate({"extra": extra})]
    return {name for name, _ in found}


def test_every_package_that_is_installed_is_pinned() -> None:
    pins = pinned()
    brought = needed()
    assert {"django", "twisted", "psycopg-binary", "pip-audit"} <= brought
    brought -= {"pip"}  # What one installs with is no part of this.
    assert brought - pins.keys() == set()
    assert {name: version_of(name) for name in brought} == {name: pins[name] for name in brought}


def test_the_audit_asks_about_every_pin() -> None:
    audit = [str(Path(sysconfig.get_path("scripts")) / "pip-audit"), "--progress-spinner", "off", "--dry-run"]
    asked = subprocess.run(
        [*audit, "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"would have audited {len(pinned())} packages" in asked.stderr
    assert (
        "pip-audit --requirement $(CONSTRAINTS) --no-deps --disable-pip --strict"
        in (REPOSITORY / "Makefile").read_text()
    )


def test_the_bill_of_materials_is_of_an_environment_that_begins_empty(tmp_path: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    made, filled = re.findall(r"^\t@(.*\.venv/image.*)$", makefile.split("\n.venv/image/installed:")[1], re.MULTILINE)[
        :2
    ]
    assert made.split()[1:] == ["-m", "venv", "--clear", "--without-pip", ".venv/image"]
    assert "--python .venv/image/bin/python install" in filled
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "image")], check=True)
    file = tmp_path / "sbom.json"
    subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", "--output-file", str(file), str(tmp_path / "image")],
        check=True,
        capture_output=True,
    )
    assert json.loads(file.read_text()).get("components", []) == []


def test_the_bill_of_materials_names_what_is_installed_with_its_version_and_licence(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    subprocess.run(
        [
            *(sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", "pyproject.toml"),
            *("--output-reproducible", "--output-file", str(file), sys.executable),
        ],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "starcast"
    listed = {canonical(each["name"]): each for each in bill["components"]}
    assert listed["django"]["version"] == pinned()["django"]
    assert listed["django"]["licenses"]

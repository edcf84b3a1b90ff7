"""Installed packages are pinned, audited, and listed."""

import itertools
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

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


def needed(*extras: str, **environment: str) -> set[str]:
    """All packages that Starcast with these extras brings along, by what the installed ones say of themselves.

    Without any, with all extras. The ``environment`` is that of markers, such as ``python_version``.
    """
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    listed = [*project["dependencies"], *itertools.chain(*(optional[extra] for extra in extras or optional))]
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
            todo += [
                each
                for each in requirements
                if not each.marker or each.marker.evaluate({**environment, "extra": extra})
            ]
    return {name for name, _ in found}


def test_every_package_that_is_installed_is_pinned() -> None:
    pins = pinned()
    brought = needed()
    assert {"django", "twisted", "psycopg-binary", "pip-audit"} <= brought
    brought -= {"pip"}  # What one installs with is no part of this.
    assert brought - pins.keys() == set()
    assert {name: version_of(name) for name in brought} == {name: pins[name] for name in brought}


def bill_of(python: Path) -> dict[str, Any]:
    """What the environment of this interpreter, or in this folder, is listed to hold."""
    listing = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", "pyproject.toml"]
    finished = subprocess.run([*listing, str(python)], cwd=REPOSITORY, capture_output=True, check=True)
    return dict(json.loads(finished.stdout))


def test_the_image_installs_what_the_server_needs_at_the_pinned_versions_and_by_hash_only() -> None:
    text = (REPOSITORY / "project" / "requirements.txt").read_text()
    hashed = re.findall(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", text, re.MULTILINE)
    versions = {canonical(name): version for name, version, _ in hashed}
    assert len(hashed) == len(re.findall("==", text))
    assert versions == {name: version for name, version in pinned().items() if name in versions}
    brought = needed("postgres", "redis", python_version="3.12", python_full_version="3.12.0")
    assert versions.keys() == brought
    assert "://" not in text


def test_the_audit_asks_about_every_pin() -> None:
    audit = [str(Path(sysconfig.get_path("scripts")) / "pip-audit"), "--progress-spinner", "off", "--dry-run"]
    asked = subprocess.run(
        [*audit, "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"would have audited {len(pinned())} packages" in asked.stderr


def test_the_bill_of_materials_is_of_an_environment_that_begins_empty(tmp_path: Path) -> None:
    image = tmp_path / "image"
    # Installs nothing, which leaves what it begins with.
    subprocess.run(["make", "PIP=true", f"IMAGE={image}", str(image / "installed")], cwd=REPOSITORY, check=True)
    assert bill_of(image).get("components", []) == []


def test_the_bill_of_materials_names_what_is_installed_with_its_version_and_licence(tmp_path: Path) -> None:
    # With one package alone: to read the licences of all takes most of a minute.
    venv.create(tmp_path)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(tmp_path)}))
    information = Path(str(metadata.distribution("django").locate_file(f"django-{pinned()['django']}.dist-info")))
    shutil.copytree(information, packages / information.name)
    bill = bill_of(tmp_path)
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "starcast"
    [django] = bill["components"]
    assert (django["name"].lower(), django["version"]) == ("django", pinned()["django"])
    assert django["licenses"]

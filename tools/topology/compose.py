"""Reads docker-compose.yml, so that a site without Docker uses the same environment and commands."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

REPOSITORY: Final = Path(__file__).resolve().parent.parent.parent

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<word>[^}]*))?\}")


@cache
def read_compose() -> dict[str, Any]:
    """Return the content of ``docker-compose.yml``."""
    content: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return content


def environment(service: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a service; ``variables`` stand for the file ``.env``. Raises KeyError."""
    given: dict[str, str | None] = read_compose()["services"][service]["environment"]
    return {
        name: variables[name] if value is None else _interpolate(value, variables)
        for name, value in given.items()
        if value is not None or name in variables
    }


def arguments(service: str) -> list[str]:
    """Return the command of a service."""
    return [str(part) for part in read_compose()["services"][service]["command"]]


def _interpolate(value: str, variables: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        return variables.get(name) or (match["word"] if match["kind"] == "-" else variables[name])

    return _VARIABLE.sub(replace, value)

"""Files for GitHub and for citing keep the schemas that pre-commit checks at a change of them."""

import re
import shlex
from typing import Any

import check_jsonschema
import pytest
import yaml
from click.testing import CliRunner

from tools.servers import REPOSITORY

HOOKS: list[dict[str, Any]] = [
    hook
    for hook in yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    if "check-jsonschema" in hook["entry"]
]


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_a_file_keeps_its_schema(hook: dict[str, Any]) -> None:
    files = [path for path in (*REPOSITORY.glob(".github/**/*.yml"), REPOSITORY / "CITATION.cff")
             if re.search(hook["files"], path.relative_to(REPOSITORY).as_posix())]  # fmt: skip
    assert files
    _, *options = shlex.split(hook["entry"])
    result = CliRunner().invoke(check_jsonschema.main, [*options, *map(str, files)])
    assert result.exit_code == 0, result.output

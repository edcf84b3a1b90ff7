"""The collected files of our own scripts and styles."""

import json
import subprocess
from pathlib import Path

import httpx
import pytest
from django.contrib import admin

from tests.conftest import require_program
from tools.servers import REPOSITORY, RunningServer

SOURCE = REPOSITORY / "static" / "live"
PARSE = """
import { readFileSync } from "node:fs";
import { SourceTextModule } from "node:vm";
for (const path of process.argv.slice(1)) new SourceTextModule(readFileSync(path, "utf8"), { identifier: path });
"""


@pytest.fixture
def collected(data_dir: Path) -> Path:
    return data_dir / "static"


def test_modules_are_collected_without_comments_and_are_still_modules(collected: Path) -> None:
    modules = {source: collected / "live" / source.relative_to(SOURCE) for source in SOURCE.rglob("*.js")}
    for source, module in modules.items():
        assert "/**" not in module.read_text()
        assert module.stat().st_size < source.stat().st_size
    node = [require_program("node"), "--no-warnings", "--experimental-vm-modules", "--input-type=module"]
    checked = subprocess.run(
        [*node, "--eval", PARSE, *map(str, modules.values())], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_module_imports_others_by_their_hashed_names(collected: Path) -> None:
    manifest = json.loads((collected / "staticfiles.json").read_text())
    text = (collected / manifest["paths"]["live/live-page.js"]).read_text()
    assert "import" in text
    for module in SOURCE.rglob("*.js"):
        assert f'/{module.name}"' not in text


def test_sources_stay_as_they_are() -> None:
    assert "/**" in (SOURCE / "live-page.js").read_text()


def test_files_of_others_are_left_alone(collected: Path) -> None:
    original = Path(admin.__path__[0]) / "static" / "admin" / "js" / "core.js"
    assert (collected / "admin" / "js" / "core.js").read_bytes() == original.read_bytes()


def test_a_file_whose_name_has_its_hash_is_answered_with_few_headers(
    collected: Path, fake_server: RunningServer
) -> None:
    name = json.loads((collected / "staticfiles.json").read_text())["paths"]["live/live-page.js"]
    answer = httpx.get(f"{fake_server.http}/static/{name}", trust_env=False)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Access-Control-Allow-Origin"] == "*", "other sites load the widget"
    assert not {"last-modified", "referrer-policy", "cross-origin-opener-policy"} & answer.headers.keys()

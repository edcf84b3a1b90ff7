"""Clients that generators make of the OpenAPI document: in Python one that rates, in TypeScript types that compile."""

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest
from django.test import Client

from live.serving.process_engine import start_with
from tests.conftest import missing, require_program
from tests.labelled import ORDINAL, labelled, serving
from tests.timing import PATIENCE_S
from tools.servers import REPOSITORY, RunningServer

BIN = REPOSITORY / ".venv" / "openapi" / "bin"
MODULES = REPOSITORY / "tests" / "js" / "node_modules"

PYTHON = """
import sys
from starcast_http_api_client import Client
from starcast_http_api_client.api.ratings import explain, predict, predict_batch
from starcast_http_api_client.models import ErrorReply, ExplainRequest, PredictMany, PredictOne

client = Client(sys.argv[1])
rating = predict.sync(client=client, body=PredictOne("A fine film."))
many = predict_batch.sync(client=client, body=PredictMany(["A fine film.", "a" * 20_001]))
explained = explain.sync(client=client, body=ExplainRequest("A fine film."))
refused = predict.sync(client=client, body=PredictOne("a" * 20_001))
assert [each.value for each in rating.classes] == [1, 2, 3, 4, 7, 8, 9, 10]
assert isinstance(many.results[1], ErrorReply)
assert explained.expected_stars == rating.expected_stars
print(rating.stars, many.results[0].stars, refused.error.code)
"""

TYPESCRIPT = """
import type { components, paths } from "./api";

type Predict = paths["/api/v1/predict"]["post"];
const body: Predict["requestBody"]["content"]["application/json"] = { text: "A fine film." };
const rating: Predict["responses"][200]["content"]["application/json"] = {} as components["schemas"]["RatedAnswer"];
const stars: number = rating.stars;
const names: string[] = rating.classes.map(({ name }) => name);
const code: components["schemas"]["ErrorBody"]["code"] = "text_too_long";
// @ts-expect-error: only a WebSocket sends it
const other: components["schemas"]["ErrorBody"]["code"] = "seq_not_increasing";
export { body, code, names, other, stars };
"""

TYPESCRIPT_OF_OTHER_LABELS = """
import type { components } from "./labels";

const rating = {} as components["schemas"]["RatedAnswer"];
const label: string = rating.label;
// @ts-expect-error: only ratings of films have stars
const stars: number = rating.stars;
const feedback: components["schemas"]["FeedbackRequest"]["label"] = "ok";
// @ts-expect-error: the model has no such label
const other: components["schemas"]["FeedbackRequest"]["label"] = "fine";
export { feedback, label, other, stars };
"""

pytestmark = [pytest.mark.long, pytest.mark.ci]


@pytest.fixture
def document(fake_server: RunningServer, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    path.write_bytes(
        httpx.get(f"{fake_server.http}/api/openapi.json", trust_env=False, timeout=PATIENCE_S)
        .raise_for_status()
        .content
    )
    return path


def run(*command: str | Path, cwd: Path) -> str:
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_PROXY": "127.0.0.1,localhost"}
    finished = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_a_python_client_is_made_whole_and_rates(fake_server: RunningServer, document: Path, tmp_path: Path) -> None:
    if not (BIN / "openapi-python-client").exists():
        missing("openapi-python-client is not installed: make .venv/openapi/installed")
    command = ("generate", "--path", document, "--meta", "none")
    said = run(BIN / "openapi-python-client", *command, "--fail-on-warning", cwd=tmp_path)
    assert "WARNING" not in said
    (tmp_path / "rate.py").write_text(PYTHON)
    stars, same, code = run(BIN / "python", "rate.py", fake_server.http, cwd=tmp_path).split()
    assert stars == same
    assert code == "text_too_long"


@pytest.fixture
def document_of_labels(fresh_engine: None, tmp_path: Path) -> Path:
    path = tmp_path / "labels.json"
    start_with(serving(labelled(ORDINAL)))
    path.write_bytes(Client().get("/api/openapi.json").content)
    return path


def test_the_types_that_typescript_gets_compile_and_know_codes_and_labels(
    document: Path, document_of_labels: Path, tmp_path: Path
) -> None:
    node = require_program("node")
    generator = MODULES / "openapi-typescript" / "bin" / "cli.js"
    if not generator.exists():
        missing("openapi-typescript is not installed: npm install in tests/js")
    sources = {"api": (document, TYPESCRIPT), "labels": (document_of_labels, TYPESCRIPT_OF_OTHER_LABELS)}
    for name, (described, source) in sources.items():
        run(node, generator, described, "-o", tmp_path / f"{name}.ts", cwd=tmp_path)
        (tmp_path / f"use-{name}.ts").write_text(source)
    options = {"strict": True, "noEmit": True, "module": "esnext", "moduleResolution": "bundler", "types": []}
    (tmp_path / "tsconfig.json").write_text(
        json.dumps({"compilerOptions": options, "files": [f"use-{name}.ts" for name in sources]})
    )
    run(node, MODULES / "typescript" / "bin" / "tsc", "-p", tmp_path, cwd=tmp_path)

"""The OpenAPI description, held against a real server by generated requests, and the console that shows it."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django.fixtures import Settings as DjangoSettings
from schemathesis import GenerationMode

from live.messages.errors import STATUS
from tests.system.test_keyed_server import apikey
from tools.servers import RunningServer, start_server

OPERATIONS = {
    "/api/v1/predict": "POST",
    "/api/v1/predict/batch": "POST",
    "/api/v1/explain": "POST",
    "/api/v1/feedback": "POST",
    "/api/v1/tokens": "POST",
    "/api/v1/usage": "GET",
    "/api/v1/model": "GET",
    "/healthz": "GET",
    "/readyz": "GET",
}


MORE_IN_THE_LONG_LANE = pytest.mark.parametrize("requests", [10, pytest.param(100, marks=pytest.mark.long)])


def described() -> dict[str, Any]:
    return dict(json.loads(Client().get("/api/openapi.json").content))


def test_all_operations_are_described_with_errors_examples_and_keys() -> None:
    schema = described()
    assert {path: method.upper() for path, methods in schema["paths"].items() for method in methods} == OPERATIONS
    for path, operations in schema["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, operation in operations.items():
            of_body = {"400", "413", "415"} if method == "post" else set()
            assert operation["responses"].keys() == {"200", "401", "403", "429", "500", "503"} | of_body
            limited = operation["responses"]["429"]
            assert limited["description"] == "`rate_limited`"
            assert "Retry-After" in limited["headers"]
            assert limited["content"]["application/json"]["examples"]["rate_limited"]["value"]["error"]["retryable"]
    predict, batch = (schema["paths"][f"/api/v1/predict{rest}"]["post"] for rest in ("", "/batch"))
    assert predict["responses"]["413"]["description"] == "`too_large` or `text_too_long`"
    assert batch["responses"]["413"]["description"] == "`too_large`"
    bodies = [each["requestBody"]["content"]["application/json"]["schema"]["$ref"] for each in (predict, batch)]
    assert [body.rpartition("/")[2] for body in bodies] == ["PredictOne", "PredictMany"]
    assert schema["components"]["schemas"]["ExplainRequest"]["examples"]
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_the_codes_are_those_that_http_can_give() -> None:
    codes = described()["components"]["schemas"]["ErrorBody"]["properties"]["code"]["enum"]
    assert set(codes) == STATUS.keys()
    assert "seq_not_increasing" not in codes


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:9000"])
def test_the_server_is_the_one_that_was_asked(host: str) -> None:
    document = Client().get("/api/openapi.json", headers={"Host": host}).json()
    assert [server["url"] for server in document["servers"]] == [f"http://{host}"]


def test_each_example_of_an_answer_is_one_that_the_schema_accepts() -> None:
    schema = described()
    for path, method in OPERATIONS.items():
        if not path.startswith("/api/"):
            continue
        media = schema["paths"][path][method.lower()]["responses"]["200"]["content"]["application/json"]
        validator = jsonschema_rs.Draft202012Validator({**media["schema"], "components": schema["components"]})
        validator.validate(media["example"])


def test_keys_are_described_as_required_where_they_are(settings: DjangoSettings) -> None:
    assert described()["security"] == [{"key": []}, {}]
    settings.STARCAST_REQUIRE_KEY = True
    assert described()["security"] == [{"key": []}]


def test_health_checks_are_described_without_keys_and_with_their_refusal() -> None:
    for path, statuses in (("/healthz", {"200", "405"}), ("/readyz", {"200", "405", "503"})):
        operation = described()["paths"][path]["get"]
        assert operation["responses"].keys() == statuses
        assert operation["security"] == [{}]


@pytest.fixture(scope="module")
def key(data_dir: Path) -> str:
    return apikey(data_dir, "create", "schemathesis")


@pytest.fixture(scope="module")
def generous_server(data_dir: Path) -> Iterator[RunningServer]:
    """One whose rates are no answer to anything."""
    with start_server(
        data_dir, STARCAST_BACKEND="fake", STARCAST_WORK_PER_S="1000000", STARCAST_WORK_BURST="1000000"
    ) as server:
        yield server


def answers(server: RunningServer, key: str, path: str, mode: GenerationMode, requests: int) -> Counter[int]:
    """The statuses of answers to generated requests, each held against the description."""
    operation = schemathesis.openapi.from_url(f"{server.http}/api/openapi.json")[path][OPERATIONS[path]]
    statuses = Counter[int]()

    @settings_of(max_examples=requests)
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        response = case.call(timeout=30, headers={"Authorization": f"Bearer {key}"})
        statuses[response.status_code] += 1
        case.validate_response(response)

    holds()
    assert "Traceback" not in server.logged()
    return statuses


@MORE_IN_THE_LONG_LANE
@pytest.mark.parametrize("path", OPERATIONS)
def test_every_request_that_the_description_allows_is_answered_as_it_says(
    generous_server: RunningServer, key: str, path: str, requests: int
) -> None:
    statuses = answers(generous_server, key, path, GenerationMode.POSITIVE, requests)
    assert set(statuses) == {200}


@MORE_IN_THE_LONG_LANE
@pytest.mark.parametrize("path", [path for path, method in OPERATIONS.items() if method == "POST"])
def test_every_request_that_it_does_not_allow_is_refused_as_it_says(
    generous_server: RunningServer, key: str, path: str, requests: int
) -> None:
    statuses = answers(generous_server, key, path, GenerationMode.NEGATIVE, requests)
    assert statuses
    assert 429 not in statuses


def settings_of(max_examples: int) -> settings:
    return settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.usefixtures("plain_static_files")
def test_the_console_comes_from_here_and_holds_no_inline_code() -> None:
    response = Client().get("/api/docs")
    policy, html = response["Content-Security-Policy"], response.content.decode()
    assert {"script-src 'self'", "img-src 'self' data:"} <= set(policy.split("; "))
    assert "unsafe" not in policy
    assert "//" not in html.replace("<!doctype", "")
    assert "<script>" not in html
    assert "<style" not in html

"""The OpenAPI description, held against a real server by generated requests, and the console that shows it."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django.fixtures import Settings as DjangoSettings
from schemathesis import GenerationMode

from tools.servers import RunningServer, start_server

OPERATIONS = {
    "/api/v1/predict": "POST",
    "/api/v1/explain": "POST",
    "/api/v1/feedback": "POST",
    "/api/v1/model": "GET",
    "/healthz": "GET",
    "/readyz": "GET",
}


def described() -> dict[str, Any]:
    return dict(json.loads(Client().get("/api/openapi.json").content))


def test_all_operations_are_described_with_errors_examples_and_keys() -> None:
    schema = described()
    assert {path: method.upper() for path, methods in schema["paths"].items() for method in methods} == OPERATIONS
    for path, operations in schema["paths"].items():
        if not path.startswith("/api/"):
            continue
        for operation in operations.values():
            assert {"200", "400", "401", "405", "413", "415", "429", "500", "503"} <= operation["responses"].keys()
            limited = operation["responses"]["429"]
            assert limited["description"] == "`rate_limited`"
            assert "Retry-After" in limited["headers"]
            assert limited["content"]["application/json"]["examples"]["rate_limited"]["value"]["error"]["retryable"]
            assert operation["responses"]["400"]["description"] == "`bad_json` or `bad_request`"
    body = schema["paths"]["/api/v1/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["examples"]) == {"one", "many"}
    assert schema["components"]["schemas"]["ExplainRequest"]["examples"]
    assert schema["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


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
def generous_server(data_dir: Path) -> Iterator[RunningServer]:
    """One whose rates are no answer to anything."""
    with start_server(
        data_dir, STARCAST_BACKEND="fake", STARCAST_WORK_PER_S="1000000", STARCAST_WORK_BURST="1000000"
    ) as server:
        yield server


def answers(server: RunningServer, path: str, mode: GenerationMode) -> Counter[int]:
    """The statuses of answers to generated requests, each held against the description."""
    operation = schemathesis.openapi.from_url(f"{server.http}/api/openapi.json")[path][OPERATIONS[path]]
    statuses = Counter[int]()

    @settings_of(max_examples=40)
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        response = case.call(timeout=30)
        statuses[response.status_code] += 1
        case.validate_response(response)

    holds()
    assert "Traceback" not in server.logged()
    return statuses


@pytest.mark.parametrize("path", OPERATIONS)
def test_every_request_that_the_description_allows_is_answered_as_it_says(
    generous_server: RunningServer, path: str
) -> None:
    statuses = answers(generous_server, path, GenerationMode.POSITIVE)
    assert set(statuses) == {200}


@pytest.mark.parametrize("path", [path for path, method in OPERATIONS.items() if method == "POST"])
def test_every_request_that_it_does_not_allow_is_refused_as_it_says(generous_server: RunningServer, path: str) -> None:
    statuses = answers(generous_server, path, GenerationMode.NEGATIVE)
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

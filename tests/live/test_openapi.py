"""The OpenAPI description, held against a real server by generated requests, and the console that shows it."""

import json
from typing import Any

import pytest
import schemathesis
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from pytest_django.fixtures import Settings as DjangoSettings
from schemathesis import GenerationMode

from tests.servers import RunningServer


def described() -> dict[str, Any]:
    return dict(json.loads(Client().get("/api/openapi.json").content))


def test_all_operations_are_described_with_errors_examples_and_keys() -> None:
    schema = described()
    assert set(schema["paths"]) == {"/api/v1/predict", "/api/v1/explain", "/api/v1/feedback", "/api/v1/model"}
    for operations in schema["paths"].values():
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


@pytest.mark.parametrize("path", ["/api/v1/predict", "/api/v1/explain", "/api/v1/feedback"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_every_answer_is_as_the_description_says(fake_server: RunningServer, mode: GenerationMode, path: str) -> None:
    schema = schemathesis.openapi.from_url(f"{fake_server.http}/api/openapi.json")
    operation = schema[path]["POST"]

    @settings_of(max_examples=40)
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        case.call_and_validate(timeout=30)

    holds()
    assert "Traceback" not in fake_server.logged()


def settings_of(max_examples: int) -> settings:
    return settings(
        max_examples=max_examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


def test_the_console_comes_from_here_and_holds_no_inline_code(settings: DjangoSettings) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    response = Client().get("/api/docs")
    policy, html = response["Content-Security-Policy"], response.content.decode()
    assert "script-src 'self';" in policy
    assert "img-src 'self' data:" in policy
    assert "unsafe" not in policy
    assert "//" not in html.replace("<!doctype", "")
    assert "<script>" not in html
    assert "<style" not in html

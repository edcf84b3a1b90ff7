"""Errors that come before the API has the same form, and other paths keep theirs."""

import json

from django.test import AsyncClient, Client


def test_an_error_of_django_under_the_api_becomes_the_error_object() -> None:
    for response, status, code in (
        (Client().get("/api/none"), 404, "not_found"),
        (Client().delete("/api/v1/model"), 405, "method_not_allowed"),
        (Client(SERVER_NAME="evil.example").get("/api/v1/model"), 400, "bad_request"),
    ):
        assert response["Content-Type"] == "application/json"
        assert response["Content-Length"] == str(len(response.content))
        assert (response.status_code, json.loads(response.content)["error"]["code"]) == (status, code)


def test_a_host_name_that_is_not_allowed_is_told_what_to_set() -> None:
    response = Client(SERVER_NAME="phone.example").get("/api/v1/model")
    assert "STARCAST_ALLOWED_HOSTS" in json.loads(response.content)["error"]["message"]


async def test_errors_of_pages_stay_as_they_are() -> None:
    response = await AsyncClient().get("/none")
    assert (response.status_code, response["Content-Type"]) == (404, "text/html; charset=utf-8")


async def test_health_checks_take_no_other_method() -> None:
    assert (await AsyncClient().post("/healthz")).status_code == 405

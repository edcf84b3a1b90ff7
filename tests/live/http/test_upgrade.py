"""Plain HTTP at the address of a WebSocket, and HEAD where GET works."""

import pytest
from django.test import Client

from tests.classifiers import ControlledClassifier


@pytest.mark.parametrize("path", ["/ws/v1/classify/", "/ws/v1/watch/room/", "/ws/else"])
@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_plain_http_at_the_address_of_a_websocket_gets_426_with_a_hint(path: str, method: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert answer.status_code == 426
    assert answer["Upgrade"] == "websocket"
    assert b"ws://" in answer.content or method == "head"


@pytest.mark.parametrize(("headers", "warnings"), [({}, 0), ({"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}, 1)])
def test_a_proxy_that_drops_the_upgrade_of_handshakes_is_one_warning(
    caplog: pytest.LogCaptureFixture, headers: dict[str, str], warnings: int
) -> None:
    for _ in range(3):
        assert Client().get("/ws/v1/classify/", headers=headers).status_code == 426
    assert len(caplog.records) == warnings


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/", "/ru/", "/about/", "/model/", "/widget/", "/widget.js", "/messages.js", "/healthz", "/readyz",
     "/api/docs", "/api/socket", "/api/openapi.json", "/api/asyncapi.json", "/api/v1/model", "/admin/login/"],
)  # fmt: skip
def test_head_works_where_get_does(fake: ControlledClassifier, path: str) -> None:
    got, head = Client().get(path), Client().head(path)
    assert head.status_code == got.status_code < 400
    assert head.content == b""
    assert head["Content-Type"] == got["Content-Type"]

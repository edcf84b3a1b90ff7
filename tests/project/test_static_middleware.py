"""Files of the page, as they are answered."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.test import AsyncClient
from pytest_django.fixtures import Settings
from whitenoise.responders import StaticFile

MODULE = "export const one = 1;\n"


@pytest.fixture
def client(settings: Settings, tmp_path: Path) -> AsyncClient:
    settings.STATIC_ROOT = tmp_path
    (tmp_path / "one.js").write_text(MODULE)
    return AsyncClient()


async def test_a_file_is_answered_without_a_thread(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, get_response = [], StaticFile.get_response

    def noted(*call: Any) -> Any:
        threads.append(threading.get_ident())
        return get_response(*call)

    monkeypatch.setattr(StaticFile, "get_response", noted)
    got = await client.get("/static/one.js")
    assert (got.status_code, got.content.decode(), got["Content-Type"]) == (
        200,
        MODULE,
        'text/javascript; charset="utf-8"',
    )
    assert threads == [threading.get_ident()]


async def test_parts_and_copies_are_answered_as_http_has_it(client: AsyncClient) -> None:
    got = await client.get("/static/one.js")
    head = await client.head("/static/one.js")
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(MODULE)))
    part = await client.get("/static/one.js", headers={"Range": "bytes=7-11"})
    assert (part.status_code, part.content) == (206, b"const")
    assert (await client.get("/static/one.js", headers={"Range": "bytes=99-"})).status_code == 416
    again = await client.get("/static/one.js", headers={"If-None-Match": got["ETag"]})
    assert (again.status_code, again.content, "Content-Type" in again) == (304, b"", False)
    assert (await client.post("/static/one.js")).status_code == 405

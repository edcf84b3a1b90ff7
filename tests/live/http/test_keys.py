"""What the API does for keys: it makes tokens and tells usage."""

import json
from datetime import timedelta
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient
from django.utils import timezone

from live.access.keys import create_key, forget_keys
from live.access.revocation import key_watch
from live.models import ApiKey, KeyUsage
from project.asgi import application
from tests.classifiers import ControlledClassifier
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    forget_keys()
    key_watch._usage.clear()


async def new_key() -> tuple[ApiKey, str]:
    made: tuple[ApiKey, str] = await database_sync_to_async(create_key)("shop")
    return made


async def call(path: str, key: str | None, body: Any = None) -> tuple[int, dict[str, Any]]:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    client = AsyncClient()
    if body is None:
        response = await client.get(path, headers=headers)
    else:
        response = await client.post(path, data=json.dumps(body), content_type="application/json", headers=headers)
    return response.status_code, json.loads(response.content)


async def connected(token: str) -> tuple[WebsocketCommunicator, dict[str, Any]]:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    communicator = WebsocketCommunicator(application, CLASSIFY_PATH, headers=headers, subprotocols=["starcast.v1"])
    await communicator.connect()
    return communicator, await communicator.receive_json_from()


async def token_of(key: str, **wishes: Any) -> str:
    status, made = await call("/api/v1/tokens", key, wishes)
    assert status == 200
    return str(made["token"])


async def test_a_token_is_made_with_a_key_alone(fake: ControlledClassifier) -> None:
    _, key = await new_key()
    status, made = await call("/api/v1/tokens", key, {})
    assert (status, made["expires_in_s"]) == (200, 60)
    assert key not in made["token"]
    status, refused = await call("/api/v1/tokens", None, {})
    assert (status, refused["error"]["code"]) == (401, "key_missing")
    status, refused = await call("/api/v1/tokens", made["token"], {})
    assert (status, refused["error"]["code"]) == (401, "key_invalid")


@pytest.mark.parametrize(
    ("wishes", "param"),
    [
        ({"ttl_s": 0}, "ttl_s"),
        ({"ttl_s": 601}, "ttl_s"),
        ({"ttl_s": True}, "ttl_s"),
        ({"ttl_s": 1.5}, "ttl_s"),
        ({"ttl_s": "60"}, "ttl_s"),
        ({"origin": "shop.example"}, "origin"),
        ({"origin": "https://shop.example/page"}, "origin"),
        ({"reference": "r" * 65}, "reference"),
        ({"reference": "\0"}, "reference"),
        ({"limits": {"max_chars": 0}}, "limits.max_chars"),
    ],
)
async def test_what_is_wrong_with_a_wish_is_named(
    fake: ControlledClassifier, wishes: dict[str, Any], param: str
) -> None:
    _, key = await new_key()
    status, refused = await call("/api/v1/tokens", key, wishes)
    assert (status, refused["error"]["code"], refused["error"]["param"]) == (400, "bad_request", param)


async def test_the_limits_of_a_token_are_those_of_its_connection_alone(fake: ControlledClassifier) -> None:
    _, key = await new_key()
    token = await token_of(key, limits={"max_chars": 5, "work_burst": 500})
    limited, greeting = await connected(token)
    assert (greeting["limits"]["max_chars"], greeting["limits"]["work_burst"]) == (5, 500)
    await limited.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    assert (await limited.receive_json_from())["error"]["code"] == "text_too_long"
    free, greeting = await connected(key)
    assert greeting["limits"]["max_chars"] == 20_000
    for communicator in (limited, free):
        await communicator.disconnect()


async def test_usage_is_told_to_the_connection_on_request_and_before_it_closes(fake: ControlledClassifier) -> None:
    _, key = await new_key()
    communicator, _ = await connected(key)
    await communicator.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    tokens = (await communicator.receive_json_from())["tokens"]
    await communicator.send_json_to({"type": "flush", "seq": 1})
    assert (await communicator.receive_json_from())["is_final"]
    await communicator.send_json_to({"type": "usage"})
    usage = {"type": "usage.report", "texts": 1, "tokens": tokens, "explanations": 0}
    assert await communicator.receive_json_from() == usage
    await communicator.send_json_to({"type": "explain", "seq": 1})
    assert (await communicator.receive_json_from())["type"] == "explanation"
    await communicator.send_json_to({"type": "close"})
    assert await communicator.receive_json_from() == {**usage, "explanations": 1}
    assert (await communicator.receive_output())["code"] == 1000


async def test_usage_of_a_key_adds_up_over_both_transports_and_by_reference(fake: ControlledClassifier) -> None:
    record, key = await new_key()
    _, other = await new_key()
    _, rated = await call("/api/v1/predict", key, {"text": "A fine film"})
    await call("/api/v1/predict", key, {"texts": ["A fine film", "a" * 20_001]})
    await call("/api/v1/explain", key, {"text": "A fine film"})
    communicator, _ = await connected(await token_of(key, reference="visitor 7"))
    await communicator.send_json_to({"type": "text.update", "seq": 1, "text": "A fine film"})
    await communicator.receive_json_from()
    await communicator.disconnect()
    tokens = rated["tokens"]
    expected = {
        "texts": 3,
        "tokens": 3 * tokens,
        "explanations": 1,
        "days": 30,
        "references": [
            {"reference": "", "texts": 2, "tokens": 2 * tokens, "explanations": 1},
            {"reference": "visitor 7", "texts": 1, "tokens": tokens, "explanations": 0},
        ],
    }
    assert await call("/api/v1/usage", key) == (200, expected), "before it is stored"
    await key_watch.write()
    assert await call("/api/v1/usage", key) == (200, expected), "once it is stored"
    assert await KeyUsage.objects.filter(key=record).acount() == 2
    assert (await call("/api/v1/usage", other))[1]["texts"] == 0
    assert (await call("/api/v1/usage", None))[0] == 401


async def test_usage_of_one_day_is_one_row_and_old_rows_are_deleted(fake: ControlledClassifier) -> None:
    record, key = await new_key()
    today = timezone.now().date()
    await KeyUsage.objects.acreate(key=record, day=today - timedelta(days=400), texts=9)
    await KeyUsage.objects.acreate(key=record, day=today - timedelta(days=40), texts=7)
    for _ in range(2):
        await call("/api/v1/predict", key, {"text": "A fine film"})
        await key_watch.write()
    assert [row.texts async for row in KeyUsage.objects.order_by("day")] == [7, 2]
    assert (await call("/api/v1/usage", key))[1]["texts"] == 2, "of the last 30 days"


async def test_usage_of_a_key_that_was_deleted_is_forgotten(fake: ControlledClassifier) -> None:
    record, key = await new_key()
    await call("/api/v1/predict", key, {"text": "A fine film"})
    await record.adelete()
    await key_watch.write()
    assert key_watch._usage == {}

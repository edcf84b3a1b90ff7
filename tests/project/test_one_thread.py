"""Django's middleware, and how many threads a request takes."""

from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.test import AsyncClient

from tests.classifiers import ControlledClassifier


async def test_all_middleware_of_a_request_runs_in_one_thread(
    fake: ControlledClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    hops, call = [], SyncToAsync.__call__

    def counted(self: Any, *arguments: Any, **named: Any) -> Any:
        hops.append(self.func)
        return call(self, *arguments, **named)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    assert (await AsyncClient().get("/api/v1/model")).status_code == 200
    assert hops
    assert not {"process_request", "process_response"} & {getattr(hop, "__name__", "") for hop in hops}

"""Settings that work but are not safe on the internet are found by ``check --deploy``, and only there."""

from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from pytest_django.fixtures import Settings

from live.checks import deployment as deploy_checks
from project.machine import memory_mb


def found(deploy: bool) -> dict[str | None, str | None]:
    messages = checks.run_checks(include_deployment_checks=deploy)
    return {message.id: message.hint for message in messages if str(message.id).startswith("starcast.W")}


@pytest.fixture(autouse=True)
def sound(settings: Settings, tmp_path: Path) -> None:
    settings.STARCAST_BACKEND = "onnx"
    settings.ALLOWED_HOSTS = ["stars.example.org"]
    settings.HTTPS = True
    settings.STARCAST_MODEL_THREADS = 1
    settings.DATA_DIR = settings.STATIC_ROOT = tmp_path
    (tmp_path / "staticfiles.json").touch()


def test_a_sound_deployment_has_no_warning() -> None:
    assert found(deploy=True) == {}


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("STARCAST_BACKEND", "fake", "starcast.W001"),
        ("ALLOWED_HOSTS", ["stars.example.org", "*"], "starcast.W002"),
        ("STARCAST_ORIGINS", ["http://reviews.example.org"], "starcast.W003"),
        ("STARCAST_MODEL_THREADS", 10_000, "starcast.W004"),
        ("STARCAST_CACHE_MB", memory_mb() - 100, "starcast.W008"),
        ("STARCAST_ENGINE", {"deadline_ms": 8_000}, "starcast.W009"),
    ],
)
def test_a_risky_setting_is_named_with_a_hint(settings: Settings, setting: str, value: Any, expected: str) -> None:
    setattr(settings, setting, value)
    assert list(found(deploy=True)) == [expected]
    assert all(found(deploy=True).values())
    assert found(deploy=False) == {}


def test_threads_are_held_against_the_cores_that_a_container_is_given(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy_checks, "cores", lambda: 0.5)
    assert found(deploy=True) == {}
    settings.STARCAST_MODEL_THREADS = 2
    assert "STARCAST_MODEL_THREADS to 1:" in str(found(deploy=True)["starcast.W004"])

"""Wrong settings are found at start."""

from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from pytest_django.fixtures import Settings


def found() -> list[str | None]:
    return [message.id for message in checks.run_checks() if str(message.id).startswith("starcast.")]


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("STARCAST_BACKEND", "tensorflow", "starcast.E001"),
        ("STARCAST_CHECKPOINT", Path("no/such/folder"), "starcast.E002"),
        ("STARCAST_LIMITS", {"max_frame_bytes": 1}, "starcast.E003"),
        ("STARCAST_LIMITS", {"max_cahrs": 1}, "starcast.E003"),
        ("STARCAST_ENGINE", {"max_batch": 0}, "starcast.E003"),
        ("DATA_DIR", Path("no/such/folder"), "starcast.E005"),
        ("REDIS_URL", "localhost:6379", "starcast.E007"),
        ("STARCAST_ORIGINS", ["example.com"], "starcast.E004"),
        ("STARCAST_METRICS_TOKEN", "short", "starcast.E020"),
        ("STARCAST_METRICS_TOKEN", "two words that are long", "starcast.E020"),
        ("STARCAST_ORIGINS", ["https://example.com/"], "starcast.E004"),
        ("STARCAST_ORIGINS", ["https://["], "starcast.E004"),
        ("STARCAST_ORIGINS", ["https://Example.com"], "starcast.E004"),
        ("STARCAST_ORIGINS", ["https://example.com:443"], "starcast.E004"),
        ("ALLOWED_HOSTS", ["https://example.com"], "starcast.E008"),
        ("ALLOWED_HOSTS", ["example.com:8000"], "starcast.E008"),
        ("ALLOWED_HOSTS", ["example.com/stars"], "starcast.E008"),
        ("ALLOWED_HOSTS", ["*.example.com"], "starcast.E008"),
        ("STATIC_ROOT", Path("no/such/folder"), "starcast.W006"),
        ("STARCAST_UNKNOWN", {"STARCAST_ELSE": None}, "starcast.W007"),
    ],
)
def test_a_wrong_setting_is_named_with_a_hint(settings: Settings, setting: str, value: Any, expected: str) -> None:
    setattr(settings, setting, value)
    messages = [message for message in checks.run_checks() if message.id == expected]
    assert messages
    assert all(message.hint for message in messages)


@pytest.mark.parametrize("host", ["example.com/stars", "https://example.com/stars"])
def test_a_path_below_a_host_is_refused_with_the_way_out(settings: Settings, host: str) -> None:
    settings.ALLOWED_HOSTS = [host]
    (message,) = [message for message in checks.run_checks() if message.id == "starcast.E008"]
    assert "host name of its own" in str(message.hint)


def test_limits_that_contradict_each_other_are_told_by_their_variables(settings: Settings) -> None:
    settings.STARCAST_LIMITS = {"max_frame_bytes": 9}
    [message] = [message for message in checks.run_checks() if message.id == "starcast.E003"]
    assert {"STARCAST_MAX_FRAME_BYTES", "STARCAST_MAX_MESSAGE_BYTES"} <= set(message.msg.split())


def test_a_misspelt_name_is_told_with_the_one_that_is_meant(settings: Settings) -> None:
    settings.STARCAST_UNKNOWN = {"STARCAST_ALOWED_HOSTS": "STARCAST_ALLOWED_HOSTS"}
    [message] = [message for message in checks.run_checks() if message.id == "starcast.W007"]
    assert message.hint == "Did you mean STARCAST_ALLOWED_HOSTS?"


def test_the_fake_backend_needs_no_checkpoint(settings: Settings, tmp_path: Path) -> None:
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", ".Example.com", "*"]
    settings.STATIC_ROOT = settings.DATA_DIR = tmp_path
    (tmp_path / "staticfiles.json").touch()
    settings.STARCAST_BACKEND = "fake"
    settings.STARCAST_CHECKPOINT = Path("no/such/folder")
    settings.STARCAST_ORIGINS = ["https://example.com", "http://localhost:3000"]
    assert found() == []


@pytest.mark.parametrize("name", ["secret_key", "starcast.sqlite3", "starcast.sqlite3-wal"])
def test_a_file_of_secrets_or_texts_that_others_can_read_is_named(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    settings.DATA_DIR = tmp_path
    tmp_path.chmod(0o755)
    before, file = found(), tmp_path / name
    file.touch(mode=0o600)
    assert found() == before
    file.chmod(0o640)
    assert sorted(found(), key=str) == sorted([*before, "starcast.W005"], key=str)
    tmp_path.chmod(0o700)
    assert found() == before

"""Settings as a process reads them."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.mail import EmailMessage
from django.template import engines

from tools.servers import REPOSITORY


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("STARCAST_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_deployment_with_tls_passes_the_deployment_checks(tmp_path: Path) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "staticfiles.json").touch()
    finished = manage(
        "check", "--deploy", "--fail-level", "INFO",
        STARCAST_HTTPS="1", STARCAST_DATA_DIR=str(tmp_path),
        STARCAST_SECRET_KEY="0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ-_",
        STARCAST_ALLOWED_HOSTS="example.com",
    )  # fmt: skip
    assert finished.returncode == 0, finished.stderr


def test_without_a_secret_key_nothing_starts(tmp_path: Path) -> None:
    finished = manage("check", STARCAST_BACKEND="fake", STARCAST_DATA_DIR=str(tmp_path))
    assert finished.returncode != 0
    assert "STARCAST_SECRET_KEY" in finished.stderr


@pytest.mark.parametrize("command", ["check", "serve", "migrate"])
def test_a_value_that_makes_no_sense_is_told_in_one_line(tmp_path: Path, command: str) -> None:
    finished = manage(command, STARCAST_WORK_BURST="many", STARCAST_DEBUG="1", STARCAST_DATA_DIR=str(tmp_path))
    assert finished.returncode == 1
    (line,) = finished.stderr.splitlines()
    assert "STARCAST_WORK_BURST" in line
    assert "many" in line


def test_a_misspelt_name_is_told_at_start(tmp_path: Path) -> None:
    finished = manage(
        "check", STARCAST_WORK_BURTS="1", STARCAST_BACKEND="fake", STARCAST_DEBUG="1", STARCAST_DATA_DIR=str(tmp_path)
    )
    assert "Did you mean STARCAST_WORK_BURST?" in finished.stderr


def test_migrations_are_complete(tmp_path: Path) -> None:
    finished = manage(
        "makemigrations", "--check", "--dry-run",
        STARCAST_BACKEND="fake", STARCAST_DEBUG="1", STARCAST_DATA_DIR=str(tmp_path),
    )  # fmt: skip
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_redis_is_the_channel_layer_where_it_is_named(tmp_path: Path) -> None:
    finished = manage(
        "shell", "--no-imports", "-c",
        "from channels.layers import get_channel_layer; print(type(get_channel_layer()).__name__)",
        STARCAST_BACKEND="fake", STARCAST_DEBUG="1", STARCAST_DATA_DIR=str(tmp_path),
        STARCAST_REDIS_URL="redis://localhost:6379/0",
    )  # fmt: skip
    assert finished.stdout.strip() == "RedisPubSubChannelLayer", finished.stderr


def test_a_fault_sends_no_mail(mailoutbox: list[EmailMessage]) -> None:
    try:
        raise RuntimeError
    except RuntimeError:
        logging.getLogger("django.request").exception("it failed")
    assert not mailoutbox


def test_a_session_is_in_the_database_and_ends_after_a_working_day() -> None:
    assert settings.SESSION_ENGINE == "django.contrib.sessions.backends.db"
    assert settings.SESSION_COOKIE_AGE == 8 * 3_600


def test_templates_are_read_once_and_escape_what_they_show() -> None:
    engine = engines["django"].engine  # type: ignore[attr-defined]
    assert [type(loader).__module__ for loader in engine.template_loaders] == ["django.template.loaders.cached"]
    assert engine.autoescape

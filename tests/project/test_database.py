"""The database from the settings."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

import project.database
from project.database import database

FILE = Path("/data/starcast.sqlite3")
URL = "postgresql://starcast:p%40ss@db.example:5433/stars"


def test_without_a_url_it_is_a_file_that_many_may_read_while_one_writes() -> None:
    entry = database("", FILE)
    assert (entry["ENGINE"], entry["NAME"]) == ("django.db.backends.sqlite3", FILE)
    assert "WAL" in entry["OPTIONS"]["init_command"]


def test_a_url_names_a_postgresql_that_is_not_waited_for_for_ever() -> None:
    entry = database(URL, FILE)
    assert entry["ENGINE"] == "django.db.backends.postgresql"
    assert [entry[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")] == [
        "starcast", "p@ss", "db.example", 5433, "stars",
    ]  # fmt: skip
    assert entry["OPTIONS"]["connect_timeout"] == 5
    assert "statement_timeout" in entry["OPTIONS"]["options"]


def test_a_connection_ends_with_its_request() -> None:
    assert database(URL, FILE)["CONN_MAX_AGE"] == 0
    assert database("", FILE).get("CONN_MAX_AGE", 0) == 0


def test_options_of_the_url_win() -> None:
    options = database(f"{URL}?sslmode=require&connect_timeout=1", FILE)["OPTIONS"]
    assert (options["sslmode"], str(options["connect_timeout"])) == ("require", "1")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:sesame@db/stars",
        "starcast",
        "postgresql://starcast:sesame@db:five/stars",
        "postgresql://starcast:sesame#1@db/stars",
        "postgresql://starcast:sesame@db",
        "postgresql://[sesame",
    ],
)
def test_a_wrong_url_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="STARCAST_DATABASE_URL") as refused:
        database(url, FILE)
    assert "sesame" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project.database, "find_spec", lambda _: None)
    with pytest.raises(ImproperlyConfigured, match="extra `postgres`"):
        database(URL, FILE)

"""The database setting: SQLite in the data folder, or the PostgreSQL of a URL."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_SCHEMES: Final = ("postgres://", "postgresql://")

_SQLITE_OPTIONS: Final = {"init_command": "PRAGMA journal_mode=WAL", "transaction_mode": "IMMEDIATE"}
_POSTGRESQL_OPTIONS: Final = {
    "connect_timeout": 5,
    # All database work of a process shares one thread, so a statement that waits for a lock must time out.
    # Our `migrate` lifts this.
    "options": "-c statement_timeout=5000",
}


def database(url: str, sqlite_file: Path) -> dict[str, Any]:
    """Return Django's settings for a database. Options in the URL take precedence. Raises ImproperlyConfigured."""
    if not url:
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": sqlite_file, "OPTIONS": dict(_SQLITE_OPTIONS)}
    # The URL may contain a password, so no message quotes it.
    if not url.startswith(_SCHEMES):
        raise ImproperlyConfigured("STARCAST_DATABASE_URL must look like postgresql://user:password@host:5432/name")
    try:
        entry: dict[str, Any] = dict(dj_database_url.parse(url))
    except ValueError:
        raise ImproperlyConfigured(
            "STARCAST_DATABASE_URL cannot be read: write special characters of the password as %40 and so on"
        ) from None
    if not entry["NAME"]:
        raise ImproperlyConfigured("STARCAST_DATABASE_URL names no database: it ends in /NAME")
    if find_spec("psycopg") is None:
        raise ImproperlyConfigured("STARCAST_DATABASE_URL needs a client of PostgreSQL: install the extra `postgres`")
    return {**entry, "OPTIONS": {**_POSTGRESQL_OPTIONS, **entry.get("OPTIONS", {})}}

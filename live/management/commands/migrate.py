"""Django's ``migrate`` without a statement timeout, since large tables take long."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    """Lifts the statement timeout that the settings give the servers."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Lift the timeout for this connection, then migrate."""
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # A migration that waits for a lock blocks all later queries: fail early and retry instead.
                cursor.execute("SET statement_timeout = 0; SET lock_timeout = '5s'")
        super().handle(*args, **options)

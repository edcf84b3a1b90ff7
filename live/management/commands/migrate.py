"""Django's ``migrate``, which may take as long as a large table takes."""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    """Migrate without the bound on statements that the settings give the servers."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Lift the bound for this connection, then migrate."""
        connection = connections[options["database"]]
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                # What waits for a lock holds up all who come after it: better to fail, and be started again.
                cursor.execute("SET statement_timeout = 0; SET lock_timeout = '5s'")
        super().handle(*args, **options)

"""``manage.py apikey``: make, list and revoke API keys."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.access.keys import PREFIX_LENGTH, create_key
from live.models import ApiKey


class Command(BaseCommand):
    """Keys from a shell, where the admin is not at hand."""

    help = "Create, list and revoke the API keys that clients send as 'Authorization: Bearer KEY'."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to do."""
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        create = actions.add_parser(
            "create",
            help="make a key and print it, once",
            description="Make a key and print it. It is not shown again.",
        )
        create.add_argument("name", metavar="NAME", help="who or what uses the key")
        actions.add_parser("list", help="show all keys by their prefix", description="Show all keys, newest first.")
        revoke = actions.add_parser(
            "revoke",
            help="refuse a key from now on",
            description="Refuse a key from now on. Its open connections are closed within seconds.",
        )
        revoke.add_argument("prefix", metavar="PREFIX", help="how the key begins, as `list` shows it, or all of it")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do it."""
        match action:
            case "create":
                self._create(options["name"])
            case "list":
                self._list()
            case _:
                self._revoke(options["prefix"])

    def _create(self, name: str) -> None:
        try:
            _, key = create_key(name)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        # The key alone goes to standard output, for scripts to take.
        self.stderr.write("Keep this key; it is not shown again:")
        self.stdout.write(key)

    def _list(self) -> None:
        line = "{:<13}{:<12}{:<18}{:<12}{}".format
        self.stdout.write(line("PREFIX", "CREATED", "LAST USED", "REVOKED", "NAME"))
        for key in ApiKey.objects.all():
            used = f"{key.last_used:%Y-%m-%d %H:%M}" if key.last_used else "never"
            revoked = f"{key.revoked:%Y-%m-%d}" if key.revoked else "-"
            self.stdout.write(line(key.prefix, f"{key.created:%Y-%m-%d}", used, revoked, key.name))

    def _revoke(self, prefix: str) -> None:
        # Whoever gives the whole key must not find it again in what a script or a terminal keeps.
        prefix = prefix[:PREFIX_LENGTH]
        try:
            key = ApiKey.objects.get(prefix=prefix)
        except ApiKey.DoesNotExist:
            raise CommandError(f"there is no key {prefix}: see `manage.py apikey list`") from None
        if key.revoked is not None:
            raise CommandError(f"{prefix} is revoked already")
        key.revoke()
        self.stdout.write(f"Revoked {key}")

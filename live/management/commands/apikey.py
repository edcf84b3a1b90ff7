"""``manage.py apikey``: create, list and revoke API keys."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from live.access.keys import PREFIX_LENGTH, create_key
from live.models import ApiKey


class Command(BaseCommand):
    """Manage API keys from a shell."""

    help = "Create, list and revoke the API keys that clients send as 'Authorization: Bearer KEY'."

    def add_arguments(self, parser: CommandParser) -> None:
        """Define the actions ``create``, ``list`` and ``revoke``."""
        actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        create = actions.add_parser(
            "create",
            help="create a key and print it once",
            description="Create a key and print it. It cannot be shown again.",
        )
        create.add_argument("name", metavar="NAME", help="who or what uses the key")
        actions.add_parser("list", help="list all keys by prefix", description="List all keys by prefix, newest first.")
        revoke = actions.add_parser(
            "revoke",
            help="revoke a key",
            description="Revoke a key. Its open connections are closed within seconds.",
        )
        revoke.add_argument("prefix", metavar="PREFIX", help="start of the key, as shown by `list`, or all of it")

    def handle(self, *, action: str, **options: Any) -> None:
        """Run one action. Raises CommandError for a wrong name or an unknown or revoked key."""
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
        # Only the key goes to standard output, so that scripts can read it.
        self.stderr.write("Save this key. It cannot be shown again:")
        self.stdout.write(key)

    def _list(self) -> None:
        line = "{:<13}{:<12}{:<18}{:<12}{}".format
        self.stdout.write(line("PREFIX", "CREATED", "LAST USED", "REVOKED", "NAME"))
        for key in ApiKey.objects.all():
            used = f"{key.last_used:%Y-%m-%d %H:%M}" if key.last_used else "never"
            revoked = f"{key.revoked:%Y-%m-%d}" if key.revoked else "-"
            self.stdout.write(line(key.prefix, f"{key.created:%Y-%m-%d}", used, revoked, key.name))

    def _revoke(self, prefix: str) -> None:
        # The whole key may be given; it must not end up in the output.
        prefix = prefix[:PREFIX_LENGTH]
        try:
            key = ApiKey.objects.get(prefix=prefix)
        except ApiKey.DoesNotExist:
            raise CommandError(f"no key starts with {prefix}: see `manage.py apikey list`") from None
        if key.revoked is not None:
            raise CommandError(f"{prefix} is already revoked")
        key.revoke()
        self.stdout.write(f"Revoked {key}")

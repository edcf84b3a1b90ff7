"""Registers the system checks."""

from django.apps import AppConfig


class LiveConfig(AppConfig):
    """The live page."""

    name = "live"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        from live import checks  # noqa: F401

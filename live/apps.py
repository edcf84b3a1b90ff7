"""Registers the system checks and our admin."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class LiveConfig(AppConfig):
    """The app of pages, API and WebSocket."""

    name = "live"

    def ready(self) -> None:
        """Import modules that register themselves: the checks and the admin."""
        from live.admin import registrations  # noqa: F401
        from live.checks import deployment, settings  # noqa: F401


class AdminConfig(admin_apps.AdminConfig):
    """Django's admin with our security policy."""

    default = False  # This package has two configs; LiveConfig is the default.
    default_site = "live.admin.site.AdminSite"

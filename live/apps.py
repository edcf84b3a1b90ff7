"""Registers the system checks, and names our admin."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class LiveConfig(AppConfig):
    """The live page."""

    name = "live"

    def ready(self) -> None:
        """Import what registers itself: the checks, and what the admin shows."""
        from live.admin import registrations  # noqa: F401
        from live.checks import deployment, settings  # noqa: F401


class AdminConfig(admin_apps.AdminConfig):
    """The admin, with the security policy of the other pages."""

    default = False  # Of the two here, the other one is that of this package.
    default_site = "live.admin.site.AdminSite"

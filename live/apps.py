"""Registers the system checks, and names our admin."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class LiveConfig(AppConfig):
    """The live page."""

    name = "live"

    def ready(self) -> None:
        """Import the checks, which register themselves."""
        from live import checks, deploy_checks  # noqa: F401


class AdminConfig(admin_apps.AdminConfig):
    """The admin, with the security policy of the other pages."""

    default = False  # Of the two here, the other one is that of this package.
    default_site = "live.admin_site.AdminSite"

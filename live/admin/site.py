"""Django's admin with our content security policy and a status page."""

from collections.abc import Callable
from typing import Any, TypeVar

from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse

_View = TypeVar("_View", bound=Callable[..., HttpResponseBase])


class AdminSite(admin.AdminSite):
    """Allows forms on the pages of the admin; the security policy forbids them elsewhere."""

    site_header = "Starcast"
    site_title = "Starcast"

    def get_urls(self) -> list[Any]:
        """Add the status page."""
        # Imported late: it needs models, which are not loaded when Django creates the admin.
        from live.admin.status import status

        return [path("status/", self.admin_view(status), name="status"), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Add the status page to the index and the sidebar."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        address = reverse("admin:status")
        page = {"name": "Status", "object_name": "Status", "admin_url": address, "view_only": True}
        return [*apps, {"name": "Server", "app_label": "server", "app_url": address, "models": [page]}]

    def admin_view(self, view: _View, cacheable: bool = False) -> _View:
        """Allow forms on a page of the admin."""
        return _with_forms(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Allow the login form too: Django does not wrap it in ``admin_view``."""
        response: HttpResponse = _with_forms(super().login)(request, extra_context)
        return response


def _with_forms(view: _View) -> _View:
    decorated: _View = csp_replace({"form-action": [SELF]})(view)
    return decorated

"""Django's admin under our own security policy, with a page about the server."""

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
    """Lets the forms of the admin send, which no other page may."""

    site_header = "Starcast"
    site_title = "Starcast"

    def get_urls(self) -> list[Any]:
        """The pages of the admin, and that of the server's status."""
        # Imported late: it asks for models, which are not there when Django makes its admin.
        from live.admin.status import status

        return [path("status/", self.admin_view(status), name="status"), *super().get_urls()]

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """What the index and the bar at the side list; the status page is no model, and stands there all the same."""
        apps = super().get_app_list(request, app_label)
        if app_label is not None:
            return apps
        address = reverse("admin:status")
        page = {"name": "Status", "object_name": "Status", "admin_url": address, "view_only": True}
        return [*apps, {"name": "Server", "app_label": "server", "app_url": address, "models": [page]}]

    def admin_view(self, view: _View, cacheable: bool = False) -> _View:
        """Wrap a page of the admin."""
        return _with_forms(super().admin_view(view, cacheable))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The page to log in, which is no ``admin_view``."""
        response: HttpResponse = _with_forms(super().login)(request, extra_context)
        return response


def _with_forms(view: _View) -> _View:
    decorated: _View = csp_replace({"form-action": [SELF]})(view)
    return decorated

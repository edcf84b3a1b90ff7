"""Sessions, users and messages for the admin only: on other pages they would cost a thread hop per request."""

from typing import Any, Final

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

_PATH: Final = "/admin/"


class _AdminOnly(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> Any:
        """Skip pages outside the admin."""
        if request.path_info.startswith(_PATH):
            return super().__call__(request)
        return self.get_response(request)


class AdminSessions(_AdminOnly, SessionMiddleware):
    """Sessions of the admin."""


class AdminAuthentication(_AdminOnly, AuthenticationMiddleware):
    """Users of the admin."""


class AdminMessages(_AdminOnly, MessageMiddleware):
    """Messages of the admin."""

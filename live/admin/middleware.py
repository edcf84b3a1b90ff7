"""Sessions, users and messages, on the pages of the admin only: on others they would cost hops between threads."""

from typing import Any, Final

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.utils.deprecation import MiddlewareMixin

_PATH: Final = "/admin/"


class _AdminOnly(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> Any:
        """Do nothing on other pages: each would pay with a hop to a thread and back."""
        if request.path_info.startswith(_PATH):
            return super().__call__(request)
        return self.get_response(request)


class AdminSessions(_AdminOnly, SessionMiddleware):
    """Sessions of the admin."""


class AdminAuthentication(_AdminOnly, AuthenticationMiddleware):
    """Users of the admin."""


class AdminMessages(_AdminOnly, MessageMiddleware):
    """Messages of the admin."""

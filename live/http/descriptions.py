"""Pages and descriptions of the API are made once for a model and kept, with an ETag.

Each takes up to tens of milliseconds to make. They contain the host, which a client can vary: by its port, and where a
wildcard is allowed, by its name. So one page with a placeholder is kept for all hosts.
"""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import conditional_page

from live.serving.process_engine import get_served_info
from model_core.classifier import ModelInfo

View = Callable[[HttpRequest], HttpResponse]

_ANY_HOST: Final = "any-host.invalid"
"""Placeholder for the host. No page may contain it otherwise."""

_kept: dict[tuple[str, str], tuple[ModelInfo | None, bytes, str]] = {}
"""By path and scheme: what was made for the model, and its type."""


def made_once(view: View) -> View:
    """Keep what the view answers at each path, and answer 304 to clients that have it."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        host, model = request.get_host(), get_served_info()
        address = request.path_info, request.scheme or ""
        # Other threads may empty it at any time.
        kept = _kept.get(address)
        if kept is None or kept[0] != model:
            made = view(_for_any_host(request))
            if made.status_code != 200:
                return made
            # The view may have used another model, if it was switched meanwhile. Then the page is not kept.
            kept = model, made.content, made["Content-Type"]
            if get_served_info() == model:
                _kept[address] = kept
        _, content, content_type = kept
        return HttpResponse(content.replace(_ANY_HOST.encode(), host.encode()), content_type=content_type)

    conditional: View = conditional_page(answer)
    return conditional


def _for_any_host(request: HttpRequest) -> HttpRequest:
    twin = copy.copy(request)
    twin.get_host = lambda: _ANY_HOST  # type: ignore[method-assign]
    return twin


def _on_setting_changed(**_: Any) -> None:
    _kept.clear()


setting_changed.connect(_on_setting_changed)

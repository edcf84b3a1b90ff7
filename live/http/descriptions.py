"""Pages and descriptions of the API are made once for a model and kept, with an ETag.

Each takes up to tens of milliseconds to make.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import conditional_page

from live.serving.process_engine import get_served_info
from model_core.classifier import ModelInfo

View = Callable[[HttpRequest], HttpResponse]

_MOST_KEPT: Final = 64
"""A host may have many names, and each has descriptions of its own."""

_kept: dict[tuple[str, str, str, ModelInfo | None], tuple[bytes, str]] = {}


def made_once(view: View) -> View:
    """Keep what the view answers at each address, and answer 304 to clients that have it."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        address = (request.path_info, request.scheme or "", request.get_host(), get_served_info())
        # Other threads may empty it at any time.
        if (kept := _kept.get(address)) is None:
            made = view(request)
            if made.status_code != 200:
                return made
            kept = made.content, made["Content-Type"]
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            # The view may have seen another model, if it was switched meanwhile.
            if get_served_info() == address[-1]:
                _kept[address] = kept
        content, content_type = kept
        return HttpResponse(content, content_type=content_type)

    conditional: View = conditional_page(answer)
    return conditional


def _on_setting_changed(**_: Any) -> None:
    _kept.clear()


setting_changed.connect(_on_setting_changed)

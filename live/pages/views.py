"""The pages: the live one, watching, the widget, the model, what to know about both, and the WebSocket's reference."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.http import require_safe

from live.limits import get_limits
from live.pages.model_page import model_card
from live.pages.socket_reference import reference
from live.serving.process_engine import served_folder
from live.socket.asyncapi import describe
from model_core.labels import STARS

_WIDGET_MAX_AGE_S = 300


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The live page."""
    return render(request, "live/page.html", {"labels": STARS})


@require_safe
def model(request: HttpRequest) -> HttpResponse:
    """What the model is, and its figures."""
    is_made_up = settings.STARCAST_BACKEND == "fake"
    return render(request, "live/model.html", {**model_card(served_folder()), "is_made_up": is_made_up})


@require_safe
def watch(request: HttpRequest, room_id: str) -> HttpResponse:
    """Text and bars of somebody who types, for whoever has the link; whether there is such a room the socket says."""
    return render(request, "live/watch.html", {"labels": STARS})


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """What the model cannot do, what becomes of a text, and where the data comes from."""
    return render(request, "live/about.html", model_card(served_folder()))


@require_safe
def widget_module(request: HttpRequest) -> HttpResponse:
    """Lead to the widget's module: its own name changes with every version, and this address stands in other pages."""
    response = HttpResponseRedirect(static("live/widget/widget.js"))
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = f"public, max-age={_WIDGET_MAX_AGE_S}"
    return response


@require_safe
def widget(request: HttpRequest) -> HttpResponse:
    """The widget at work, with what to copy into a page of one's own."""
    address = request.build_absolute_uri("/").rstrip("/")
    return render(request, "live/widget.html", {"address": address, "socket_origin": address.replace("http", "ws", 1)})


@require_safe
def asyncapi(request: HttpRequest) -> HttpResponse:
    """The AsyncAPI description of the WebSocket."""
    return JsonResponse(_described(request))


@require_safe
def socket_reference(request: HttpRequest) -> HttpResponse:
    """The same description for people."""
    return render(request, "live/socket.html", reference(_described(request)))


def _described(request: HttpRequest) -> dict[str, Any]:
    return describe(request.get_host(), request.is_secure(), settings.STARCAST_REQUIRE_KEY, get_limits())

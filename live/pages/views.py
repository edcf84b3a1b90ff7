"""Views: live page, watching, widget, model, about, and the WebSocket reference."""

from http import HTTPStatus
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found

from live.http.descriptions import made_once
from live.limits import get_limits
from live.pages.model_page import model_card
from live.pages.socket_reference import reference
from live.serving.process_engine import get_served_info, served_folder
from live.socket.asyncapi import describe
from live.watching.audience import audiences
from model_core.labels import STARS

_LONGEST_HOST = 253
_WIDGET_MAX_AGE_S = 300
_NOT_SEARCHED = ("/watch/", "/ru/watch/", "/admin/", "/api/v1/")


@require_safe
@made_once
def page(request: HttpRequest) -> HttpResponse:
    """Show the live page, with the words of the model if it has some."""
    return render(request, "live/page.html", {"labels": STARS})


@require_safe
@made_once
def model(request: HttpRequest) -> HttpResponse:
    """Show the model and its figures."""
    is_made_up = settings.STARCAST_BACKEND == "fake"
    return render(request, "live/model.html", {**model_card(served_folder()), "is_made_up": is_made_up})


@require_safe
def watch(request: HttpRequest, room_id: str) -> HttpResponse:
    """Show a typist's text and bars: 404 if there is no such room. The WebSocket says so to people."""
    # The view has a thread of its own, so nobody else waits for Redis.
    may_find = async_to_sync(audiences.may_find)(room_id, get_limits())
    status = HTTPStatus.OK if may_find else HTTPStatus.NOT_FOUND
    return render(request, "live/watch.html", {"labels": STARS}, status=status)


@require_safe
@made_once
def about(request: HttpRequest) -> HttpResponse:
    """Show the model's limits, privacy, and the source of the data."""
    return render(request, "live/about.html", model_card(served_folder()))


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Tell search engines what is not for them: rooms, the admin and the API."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _NOT_SEARCHED)]
    return HttpResponse("\n".join([*lines, ""]), content_type="text/plain")


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Redirect to the icon, for programs that do not read the page's links and may not read SVG."""
    return HttpResponseRedirect(static("live/icon-192.png"))


@require_safe
def widget_module(request: HttpRequest) -> HttpResponse:
    """Redirect to the widget's module. Its name has a hash; this URL is stable, for use in other sites."""
    response = HttpResponseRedirect(static("live/widget/widget.js"))
    response["Access-Control-Allow-Origin"] = "*"
    response["Cache-Control"] = f"public, max-age={_WIDGET_MAX_AGE_S}"
    return response


@require_safe
@made_once
def widget(request: HttpRequest) -> HttpResponse:
    """Show the widget with the code to embed it."""
    address = request.build_absolute_uri("/").rstrip("/")
    return render(request, "live/widget.html", {"address": address, "socket_origin": address.replace("http", "ws", 1)})


@csrf_exempt
@require_safe
@made_once
def asyncapi(request: HttpRequest) -> HttpResponse:
    """Return the AsyncAPI description of the WebSocket."""
    return JsonResponse(_described(request))


@csrf_exempt
@require_safe
@made_once
def socket_reference(request: HttpRequest) -> HttpResponse:
    """Show the AsyncAPI description as a page."""
    return render(request, "live/socket.html", reference(_described(request)))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a request that cannot be read, and say what helps where its host name is not allowed."""
    host = request.META.get("HTTP_HOST", "") if isinstance(exception, DisallowedHost) else ""
    # Without the request, for rendering may ask it for its host.
    return HttpResponse(render_to_string("400.html", {"host": host[:_LONGEST_HOST]}), status=400)


def _described(request: HttpRequest) -> dict[str, Any]:
    site = request.get_host(), request.is_secure(), settings.STARCAST_REQUIRE_KEY
    return describe(*site, get_limits(), get_served_info())


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say that there is no such page. The API's answer gets its error object later, so no page is made for it."""
    return HttpResponseNotFound() if request.path_info.startswith("/api/") else page_not_found(request, exception)

"""HTTP and WebSocket routes. ``live.http.health.health_checks`` answers the health checks before routing."""

from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.gzip import gzip_page
from django.views.decorators.http import conditional_page

from live.http.api import api, openapi
from live.http.upgrade import upgrade_required
from live.pages import views
from live.pages.words import Words
from live.socket.consumer import ClassifyConsumer, UnknownPathConsumer
from live.watching.consumer import WatchConsumer

handler400 = "live.pages.views.bad_request"
handler404 = "live.pages.views.not_found"

urlpatterns: list[URLPattern | URLResolver] = [
    path("ws/<path:rest>", upgrade_required, name="upgrade-required"),
    path("api/asyncapi.json", views.asyncapi, name="asyncapi"),
    # Before the one that django-ninja would make anew for each request.
    path("api/openapi.json", openapi),
    path("api/socket", views.socket_reference, name="socket"),
    path("api/", api.urls),
    path("admin/", admin.site.urls),
    path("robots.txt", views.robots, name="robots"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("widget.js", views.widget_module, name="widget-module"),
    # Each language has its own URLs (/ru/), so links keep it and no cookie is needed.
    *i18n_patterns(
        path("", gzip_page(views.page), name="page"),
        path("watch/<slug:room_id>/", gzip_page(views.watch), name="watch"),
        path("model/", gzip_page(views.model), name="model"),
        path("about/", gzip_page(views.about), name="about"),
        path("widget/", gzip_page(views.widget), name="widget"),
        path("messages.js", gzip_page(conditional_page(Words.as_view(packages=["live"]))), name="messages"),
        prefix_default_language=False,
    ),
]

websocket_urlpatterns = [
    path("ws/v1/classify/", ClassifyConsumer.as_asgi()),
    path("ws/v1/watch/<str:room_id>/", WatchConsumer.as_asgi()),
    path("<path:unknown>", UnknownPathConsumer.as_asgi()),
    path("", UnknownPathConsumer.as_asgi()),
]

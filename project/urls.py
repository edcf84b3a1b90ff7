"""HTTP and WebSocket routes."""

from django.urls import URLPattern, path

from live import api, views
from live.consumers import ClassifyConsumer, UnknownPathConsumer

urlpatterns: list[URLPattern] = [
    path("", views.page, name="page"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("api/v1/predict", api.predict, name="predict"),
]

websocket_urlpatterns = [
    path("ws/v1/classify/", ClassifyConsumer.as_asgi()),
    path("<path:unknown>", UnknownPathConsumer.as_asgi()),
    path("", UnknownPathConsumer.as_asgi()),
]

"""The page, the description of the WebSocket, and what a supervisor asks."""

import hmac
import logging
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from live.limits import get_limits
from live.monitoring.metrics import REGISTRY
from live.pages.socket_reference import reference
from live.serving.process_engine import get_engine
from live.serving.readiness import probe
from live.socket.asyncapi import describe
from model_core.errors import CheckpointError, EngineError
from model_core.labels import STARS

logger = logging.getLogger(__name__)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The live page."""
    return render(request, "live/page.html", {"labels": STARS})


@require_safe
def asyncapi(request: HttpRequest) -> HttpResponse:
    """The AsyncAPI description of the WebSocket."""
    return JsonResponse(_described(request))


@require_safe
def socket_reference(request: HttpRequest) -> HttpResponse:
    """The same description for people."""
    return render(request, "live/socket.html", reference(_described(request)))


@never_cache
@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the model answers, by a real forward pass, or has too much to do; 503 with the reason otherwise."""
    try:
        engine = get_engine()
        answer = await probe(engine)
    except (CheckpointError, EngineError) as error:
        logger.warning("not ready: %s", error)
        return JsonResponse({"status": "unavailable", "reason": str(error)}, status=503)
    model = {"name": engine.info.name, "version": engine.info.version}
    if answer is None:
        return JsonResponse({"status": "busy", "model": model})
    return JsonResponse({"status": "ok", "model": model, "inference_ms": round(answer.inference_ms, 2)})


@never_cache
@require_safe
async def metrics(request: HttpRequest) -> HttpResponse:
    """Figures of this process for Prometheus, for whoever has the token; where none is set, there is nothing here."""
    token = settings.STARCAST_METRICS_TOKEN
    if not token:
        return HttpResponse(status=404)
    presented = request.headers.get("Authorization", "")
    if not hmac.compare_digest(presented.encode(), f"Bearer {token}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _described(request: HttpRequest) -> dict[str, Any]:
    return describe(request.get_host(), request.is_secure(), settings.STARCAST_REQUIRE_KEY, get_limits())

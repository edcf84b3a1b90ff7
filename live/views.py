"""The page, and what a supervisor asks."""

import logging

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from live.engine import get_engine
from model_core.errors import CheckpointError, EngineError
from model_core.labels import STARS

logger = logging.getLogger(__name__)


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The live page."""
    return render(request, "live/page.html", {"labels": STARS})


@never_cache
@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """200 when the model answers, by a real forward pass; 503 with the reason otherwise."""
    try:
        engine = get_engine()
        answer = await engine.classify("A film.")
    except (CheckpointError, EngineError) as error:
        logger.warning("not ready: %s", error)
        return JsonResponse({"status": "unavailable", "reason": str(error)}, status=503)
    model = {"name": engine.info.name, "version": engine.info.version}
    return JsonResponse({"status": "ok", "model": model, "inference_ms": round(answer.inference_ms, 2)})

"""Health checks of the process and the model, and the metrics for Prometheus."""

import hmac
import logging
from collections.abc import Awaitable, Callable

from asgiref.sync import async_to_sync, iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import sync_and_async_middleware
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from live.http.responses import Middleware
from live.monitoring.metrics import REGISTRY
from live.serving.process_engine import get_engine
from live.serving.readiness import probe
from model_core.errors import CheckpointError, EngineError

logger = logging.getLogger(__name__)


@never_cache
@require_safe
async def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 while the process is alive."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
async def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 if the model completes a real forward pass or is busy, else 503 with the reason."""
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
    """Return the metrics, if the token is right. 404 if no token is set."""
    token = settings.STARCAST_METRICS_TOKEN
    if not token:
        return HttpResponse(status=404)
    presented = request.headers.get("Authorization", "")
    if not hmac.compare_digest(presented.encode(), f"Bearer {token}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@sync_and_async_middleware
def health_checks(get_response: Middleware) -> Middleware:
    """Middleware that answers health checks before the host is checked: probes use internal names and addresses."""
    checks: dict[str, Callable[[HttpRequest], Awaitable[HttpResponse]]] = {
        "/healthz": healthz,
        "/readyz": readyz,
        "/metrics": metrics,
    }
    if iscoroutinefunction(get_response):

        async def middleware_async(request: HttpRequest) -> HttpResponse:
            response: HttpResponse = await checks.get(request.path_info, get_response)(request)
            return response

        return middleware_async

    def middleware(request: HttpRequest) -> HttpResponse:
        check = checks.get(request.path_info)
        return get_response(request) if check is None else async_to_sync(check)(request)

    return middleware

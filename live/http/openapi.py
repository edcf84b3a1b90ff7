"""Additions to the OpenAPI document of django-ninja, and the console that shows it."""

from collections.abc import Callable
from typing import Any, Final

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema

from live.http.responses import RETRY_AFTER_STATUSES
from live.messages.errors import STATUS
from live.messages.protocol import ErrorReply, ProtocolError, error_body

_ERROR_STATUSES: Final = sorted(set(STATUS.values()))

ERROR_RESPONSES: Final = dict.fromkeys(_ERROR_STATUSES, ErrorReply)
PREDICT_EXTRA: Final[dict[str, Any]] = {
    "requestBody": {
        "content": {
            "application/json": {
                "examples": {
                    "one": {"summary": "One text", "value": {"text": "A fine film."}},
                    "many": {"summary": "Several texts", "value": {"texts": ["A fine film.", "Two hours of my life."]}},
                }
            }
        }
    }
}


def _json_response(
    description: str, properties: dict[str, Any], optional: dict[str, Any] | None = None
) -> dict[str, Any]:
    schema = {"type": "object", "properties": {**properties, **(optional or {})}, "required": list(properties)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_STATUS: Final[dict[str, Any]] = {"type": "string", "description": "State of the server"}
_HEALTH_PATHS: Final[dict[str, Any]] = {
    "/healthz": {
        "get": {
            "operationId": "healthz",
            "summary": "Check that the process is alive",
            "tags": ["health"],
            "security": [{}],
            "responses": {
                "200": _json_response("The process is alive", {"status": {**_STATUS, "const": "ok"}}),
                "405": {"description": "GET and HEAD only"},
            },
        }
    },
    "/readyz": {
        "get": {
            "operationId": "readyz",
            "summary": "Check that the model answers, by a forward pass at most one second old",
            "tags": ["health"],
            "security": [{}],
            "responses": {
                "200": _json_response(
                    "The model answers or is busy",
                    {
                        "status": {**_STATUS, "enum": ["ok", "busy"]},
                        "model": {
                            "type": "object",
                            "properties": {"name": {"type": "string"}, "version": {"type": "string"}},
                            "required": ["name", "version"],
                        },
                    },
                    {
                        "inference_ms": {
                            "type": "number",
                            "description": "Milliseconds of the forward pass; absent if the model is busy",
                        }
                    },
                ),
                "405": {"description": "GET and HEAD only"},
                "503": _json_response(
                    "The model does not answer",
                    {
                        "status": {**_STATUS, "const": "unavailable"},
                        "reason": {"type": "string", "description": "The reason, for people"},
                    },
                ),
            },
        }
    },
}
"""Paths of ``live.http.health``, for operators."""


class Api(NinjaAPI):
    """An API that documents keys and the errors of each status."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Return the document. Whether keys are required depends on the settings."""
        schema = super().get_openapi_schema(**options)
        schema["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key: `sc_…`"}
        }
        schema["security"] = [{"key": []}, *([] if settings.STARCAST_REQUIRE_KEY else [{}])]
        for operations in schema["paths"].values():
            operations.pop("head", None)  # Every path that takes GET takes HEAD.
            for operation in operations.values():
                for status in _ERROR_STATUSES:
                    _describe_errors(operation["responses"][status], status)
        schema["paths"] |= _HEALTH_PATHS
        return schema


class Console(DocsBase):
    """Swagger UI from our own static files, without inline code."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **kwargs: Any) -> HttpResponse:
        """Show the console."""
        return render(request, "live/console.html", {"openapi_url": self.get_openapi_url(api, kwargs)})

    @staticmethod
    def content_security_policy(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        """Allow data URLs for images, which Swagger UI uses for icons."""
        decorated: Callable[..., HttpResponse] = csp_update({"img-src": ["data:"]})(view)
        return decorated


def _describe_errors(response: dict[str, Any], status: int) -> None:
    codes = [code for code, its_status in STATUS.items() if its_status == status]
    response["description"] = " or ".join(f"`{code}`" for code in codes)
    response["content"]["application/json"]["examples"] = {
        code: {"value": ErrorReply(error=error_body(ProtocolError(code, "…"))).model_dump(exclude_none=True)}
        for code in codes
    }
    if status in RETRY_AFTER_STATUSES:
        response["headers"] = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}

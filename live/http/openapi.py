"""Additions to the OpenAPI document of django-ninja, and the console that shows it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from csp.decorators import csp_update
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase
from ninja.openapi.schema import OpenAPISchema
from pydantic import BaseModel

from live.http.responses import RETRY_AFTER_STATUSES
from live.limits import Limits
from live.messages.described import example_of, fit_schemas, subject
from live.messages.errors import STATUS, ErrorCode
from live.messages.http import shown_over_http
from live.messages.protocol import FILM_SCALE, ErrorReply, ProtocolError, error_body
from live.messages.server import ExplanationMessage, PredictionMessage, SessionCreated
from live.serving.process_engine import get_served_info
from model_core.classifier import ModelInfo

_ALWAYS: Final[tuple[ErrorCode, ...]] = (
    "origin_refused", "key_missing", "key_invalid", "rate_limited", "internal", "model_unavailable",
)  # fmt: skip
"""Errors of every operation. A server that stops answers `model_unavailable` to all."""
_OF_BODIES: Final[tuple[ErrorCode, ...]] = ("bad_json", "bad_request", "too_large", "unsupported_media_type")
_ERRORS_OF: Final[dict[str, tuple[ErrorCode, ...]]] = {
    "predict": (*_OF_BODIES, "text_too_long", "overloaded"),
    "predictBatch": (*_OF_BODIES, "overloaded"),
    "explain": (*_OF_BODIES, "text_too_long", "overloaded"),
    "feedback": (*_OF_BODIES, "text_too_long", "overloaded", "storage_unavailable"),
    "makeToken": _OF_BODIES,
    "usage": ("storage_unavailable",),
    "model": (),
}
"""Further errors of each operation."""


def _without(example: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in example.items() if name not in names}


def _example(message: type[BaseModel]) -> dict[str, Any]:
    extra: Any = message.model_config["json_schema_extra"]
    example: dict[str, Any] = extra["examples"][0]
    return example


_RATING: Final = _without(_example(PredictionMessage), "type", "seq", "skipped", "is_final", "timing_ms")
_SCALE: Final = FILM_SCALE.model_dump()
_VERSION: Final = {"model_version": _RATING["model_version"]}
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "predict": {**_RATING, **_SCALE},
    "predictBatch": {**_SCALE, "results": [_RATING]},
    "explain": {**_without(_example(ExplanationMessage), "type", "seq", "partial"), **_SCALE, **_VERSION},
    "feedback": {"stored": True, "stars": 8, "model_stars": 10, **_VERSION},
    "makeToken": {"token": "st_…", "expires_in_s": 60},
    "usage": {
        "texts": 34, "tokens": 310, "explanations": 2, "days": 30,
        "references": [{"reference": "visitor 7", "texts": 34, "tokens": 310, "explanations": 2}],
    },
    "model": {
        **_without(_example(SessionCreated), "type", "session_id", "protocol", "heartbeat_interval_ms"),
        "limits": shown_over_http(Limits()),
    },
}  # fmt: skip
"""Answers to requests about films, by operation."""


def replies(operation: str, reply: Any) -> dict[int, Any]:
    """Return the classes of an operation's answers by status."""
    return {200: reply, **{STATUS[code]: ErrorReply for code in (*_ALWAYS, *_ERRORS_OF[operation])}}


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
        """Return the document for the model that is served. Whether keys are required depends on the settings."""
        schema = super().get_openapi_schema(**options)
        model = get_served_info()
        schema["info"]["description"] = (
            f"{subject(model)}: the HTTP twin of the [WebSocket `starcast.v1`](/api/socket)."
        )
        schema["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key: `sc_…`"}
        }
        schema["security"] = [{"key": []}, *([] if settings.STARCAST_REQUIRE_KEY else [{}])]
        for operations in schema["paths"].values():
            operations.pop("head", None)  # Every path that takes GET takes HEAD.
            for operation in operations.values():
                _describe(operation, model)
        predict = schema["paths"]["/api/v1/predict"]["post"]
        # It takes several texts as well, for clients that are older than `predict/batch`.
        predict["requestBody"]["content"]["application/json"]["schema"] = {"$ref": "#/components/schemas/PredictOne"}
        fit_schemas(schema["components"]["schemas"], model)
        code = schema["components"]["schemas"]["ErrorBody"]["properties"]["code"]
        code["enum"] = [name for name in code["enum"] if name in STATUS]
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


def _describe(operation: dict[str, Any], model: ModelInfo | None) -> None:
    """Add the example of its answer, and the codes and examples of its errors."""
    name, responses = operation["operationId"], operation["responses"]
    responses[200]["content"]["application/json"]["example"] = example_of(_EXAMPLES[name], model)
    possible = {*_ALWAYS, *_ERRORS_OF[name]}
    for status in {STATUS[code] for code in possible}:
        codes = [code for code in STATUS if code in possible and STATUS[code] == status]
        response = responses[status]
        response["description"] = " or ".join(f"`{code}`" for code in codes)
        response["content"]["application/json"]["examples"] = {
            code: {"value": ErrorReply(error=error_body(ProtocolError(code, "…"))).model_dump(exclude_none=True)}
            for code in codes
        }
        if status in RETRY_AFTER_STATUSES:
            response["headers"] = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "integer"}}}

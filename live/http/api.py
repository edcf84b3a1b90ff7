"""The HTTP API, with the same model, limits, fields, errors and keys as the WebSocket."""

import json
import logging
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse
from ninja import Body
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.responses import NinjaJSONEncoder

from live.access.addresses import network_of
from live.access.authentication import identify
from live.access.keys import KnownKey
from live.access.prices import EXPLANATION, FEEDBACK, MESSAGE
from live.http.charging import bill_of
from live.http.descriptions import made_once
from live.http.feedback import FeedbackReply, FeedbackRequest, store
from live.http.openapi import ERROR_RESPONSES, PREDICT_EXTRA, Api, Console
from live.http.ratings import explain_text, rate, rate_many
from live.http.responses import error_response, json_response
from live.limits import get_limits
from live.messages.http import (
    MANY,
    ONE,
    ExplainRequest,
    Model,
    PredictMany,
    PredictOne,
    PredictRequest,
    RatedText,
    Ratings,
    model_reply,
)
from live.messages.protocol import Explained, ProtocolError, beyond_rate, check_length, load_json
from live.messages.validation import in_words
from live.serving.process_engine import get_engine
from model_core.errors import CheckpointError
from model_core.ticket import Asker
from model_core.work import units_of_chars

logger = logging.getLogger(__name__)

_NO_BODY: Final = ("GET", "HEAD")


class _JsonParser(Parser):
    """Parses bodies exactly as the WebSocket parses frames."""

    def parse_body(self, request: HttpRequest) -> Any:
        return load_json(request.body.decode("utf-8", "replace"))


class _Call:
    """The caller of a request, in ``request.auth``."""

    def __init__(self, request: HttpRequest) -> None:
        self.key: KnownKey | None = None
        self.address = network_of(request.META.get("REMOTE_ADDR", ""))
        self._bill = bill_of(request)

    def admit(self) -> None:
        """Charge for the request. Raises ProtocolError if the address or key has too little left of its rate."""
        self._refuse(self._bill.spend(MESSAGE, self.key.prefix if self.key is not None else None))

    def spend(self, units: int) -> None:
        """Charge more. Raises ProtocolError as ``admit``."""
        self._refuse(self._bill.add(units))

    @property
    def asker(self) -> Asker:
        """The request as the engine knows it."""
        return Asker(self._bill.group, self._bill.add)

    @staticmethod
    def _refuse(wait_s: float) -> None:
        if wait_s:
            raise beyond_rate("too much work; slow down", wait_s)


async def _admit(request: HttpRequest) -> _Call:
    """Check key, rate, content type and body size before the body is parsed."""
    # The address was charged before, so that guessing keys is limited too.
    call = _Call(request)
    headers = [
        (name.lower().encode(), request.headers[name].encode("latin-1", "replace"))
        for name in ("Host", "Origin", "Authorization")
        if name in request.headers
    ]
    call.key = await identify(headers)
    call.admit()
    if request.method not in _NO_BODY:
        if request.content_type not in ("application/json", ""):
            raise ProtocolError("unsupported_media_type", "send application/json")
        if not request.body:
            raise ProtocolError("bad_json", "not JSON: the body is empty")
    return call


api = Api(
    title="Starcast",
    version="1.0.0",  # of the API, not of Starcast
    description="Star ratings of film reviews: the HTTP twin of the [WebSocket `starcast.v1`](/api/socket).",
    urls_namespace="api",
    docs=Console(),
    docs_decorator=Console.content_security_policy,
    parser=_JsonParser(),
    auth=_admit,
)


@api.post(
    "/v1/predict",
    response={200: RatedText | Ratings, **ERROR_RESPONSES},
    operation_id="predict",
    summary="Rate one text, or several",
    openapi_extra=PREDICT_EXTRA,
    tags=["ratings"],
)
async def predict(request: HttpRequest, body: Body[PredictRequest]) -> HttpResponse:
    """Rate `text`, or up to 64 `texts`. Returns one rating or error per text, in order."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    engine = get_engine()
    match body:
        case PredictOne(text=text):
            check_length(text, get_limits())
            return json_response(await rate(engine, text, call.asker))
        case PredictMany(texts=texts):
            # Background work waits for everything else, and is charged by its messages and characters only.
            call.spend(sum(MESSAGE + units_of_chars(len(text)) for text in texts))
            return json_response(await rate_many(engine, texts, get_limits(), call.asker))


@api.post(
    "/v1/explain",
    response={200: Explained, **ERROR_RESPONSES},
    operation_id="explain",
    summary="Say what the words and sentences of a text add to its rating",
    tags=["ratings"],
)
async def explain(request: HttpRequest, body: Body[ExplainRequest]) -> HttpResponse:
    """Say what the words and sentences of `text` add, in stars. Always has the same price."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    check_length(body.text, get_limits())
    call.spend(EXPLANATION)
    return json_response(await explain_text(get_engine(), body.text, call.asker))


@api.post(
    "/v1/feedback",
    response={200: FeedbackReply, **ERROR_RESPONSES},
    operation_id="feedback",
    summary="Store a person's own rating of a text",
    tags=["feedback"],
)
async def feedback(request: HttpRequest, body: Body[FeedbackRequest]) -> HttpResponse:
    """Rate `text`, and store it with the rating and `stars`, so that the operator can train on it."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    check_length(body.text, get_limits())
    call.spend(FEEDBACK)
    rating = await rate(get_engine(), body.text, call.asker)
    return json_response(await store(body, rating, call.address))


@api.api_operation(
    ["GET", "HEAD"],
    "/v1/model",
    response={200: Model, **ERROR_RESPONSES},
    operation_id="model",
    summary="Describe the model and the limits",
    tags=["model"],
)
async def model(request: HttpRequest) -> HttpResponse:
    """Return the model, the labels of its probabilities, and the limits."""
    return json_response(model_reply(get_engine().info, get_limits()))


@made_once
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document."""
    return HttpResponse(json.dumps(api.get_openapi_schema(), cls=NinjaJSONEncoder), content_type="application/json")


@api.exception_handler(ProtocolError)
def _on_protocol_error(request: HttpRequest, error: ProtocolError) -> HttpResponse:
    return error_response(error)


@api.exception_handler(ValidationError)
def _on_invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    # A location is: source, argument name, possibly the kind of request, then the field.
    param = ".".join(str(part) for part in first["loc"][2:] if part not in (ONE, MANY)) or None
    return error_response(ProtocolError("bad_request", in_words(first, param), param))


@api.exception_handler(HttpError)
def _on_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    cause = error.__cause__
    return error_response(cause if isinstance(cause, ProtocolError) else ProtocolError("bad_request", str(error)))


@api.exception_handler(RequestDataTooBig)
def _on_too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return error_response(ProtocolError("too_large", f"a body may have at most {get_limits().max_body_bytes} bytes"))


@api.exception_handler(Http404)
def _on_not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return error_response(ProtocolError("not_found", "there is nothing at this path; see /api/openapi.json"))


@api.exception_handler(CheckpointError)
def _on_no_model(request: HttpRequest, error: CheckpointError) -> HttpResponse:
    logger.error("no model: %s", error)
    return error_response(ProtocolError("model_unavailable", "no model is loaded"))


@api.exception_handler(Exception)
def _on_mistake(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.exception("a request failed")
    return error_response(ProtocolError("internal", "internal server error"))

"""The HTTP API, with the same model, limits, fields, errors and keys as the WebSocket."""

import contextlib
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.db import Error as DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import Body
from ninja.errors import HttpError, ValidationError
from ninja.parser import Parser
from ninja.responses import NinjaJSONEncoder

from live.access.addresses import network_of
from live.access.authentication import identify
from live.access.keys import KnownKey
from live.access.prices import EXPLANATION, FEEDBACK, MESSAGE, REQUEST, units_of_bytes
from live.access.revocation import key_watch
from live.access.tokens import make_token
from live.access.usage import MAX_REFERENCES, SHOWN_DAYS, Usage, total
from live.http.charging import bill_of
from live.http.descriptions import made_once
from live.http.feedback import FeedbackReply, FeedbackRequest, store
from live.http.openapi import Api, Console, replies
from live.http.ratings import explain_text, rate, rate_many
from live.http.responses import error_response, json_response
from live.limits import get_limits
from live.messages.http import (
    MANY,
    ONE,
    ExplainedAnswer,
    ExplainRequest,
    KeyUsage,
    Model,
    PredictMany,
    PredictRequest,
    RatedAnswer,
    RatedText,
    Ratings,
    ReferenceUsage,
    model_reply,
)
from live.messages.protocol import CHARSETS, ErrorReply, ProtocolError, beyond_rate, check_length, load_json
from live.messages.tokens import TokenReply, TokenRequest
from live.messages.validation import in_words
from live.serving.process_engine import get_engine
from model_core.errors import CheckpointError
from model_core.plurals import counted
from model_core.ticket import Asker
from model_core.work import units_of_chars

logger = logging.getLogger(__name__)

_NO_BODY: Final = ("GET", "HEAD")


class _JsonParser(Parser):
    """Parses bodies exactly as the WebSocket parses frames."""

    def parse_body(self, request: HttpRequest) -> Any:
        try:
            return load_json(request.body.decode())
        except UnicodeDecodeError as error:
            raise ProtocolError("bad_json", "not UTF-8") from error


class _Call:
    """The caller of a request, in ``request.auth``."""

    def __init__(self, request: HttpRequest) -> None:
        self.key: KnownKey | None = None
        self.address = network_of(request.META.get("REMOTE_ADDR", ""))
        self._bill = bill_of(request)

    def admit(self) -> None:
        """Charge for the request. Raises ProtocolError if the address or key has too little left of its rate."""
        self._refuse(self._bill.spend(REQUEST, self.key.prefix if self.key is not None else None))

    def spend(self, units: int) -> None:
        """Charge more. Raises ProtocolError as ``admit``."""
        self._refuse(self._bill.add(units))

    @contextlib.contextmanager
    def paying(self, units: int) -> Iterator[None]:
        """Charge for what the context does, unless the engine refuses it. Raises ProtocolError as ``admit``."""
        self.spend(units)
        try:
            yield
        except ProtocolError as error:
            if error.code == "overloaded":
                self._bill.give_back(units)
            raise

    @property
    def asker(self) -> Asker:
        """The request as the engine knows it."""
        return Asker(self._bill.group, self._bill.add)

    def required_key(self, reason: str) -> KnownKey:
        """Return the key of a request that needs one. Raises ProtocolError with the reason."""
        if self.key is None:
            raise ProtocolError("key_missing", f"{reason}: Authorization: Bearer KEY")
        return self.key

    def used(self, *ratings: RatedText | ErrorReply, explanations: int = 0) -> None:
        """Count what was rated and explained."""
        tokens = [rating.tokens for rating in ratings if isinstance(rating, RatedText)]
        key_watch.note_usage(self.key, Usage(len(tokens), sum(tokens), explanations))

    @staticmethod
    def _refuse(wait_s: float) -> None:
        if wait_s:
            raise beyond_rate("too much work; slow down", wait_s)


async def _admit(request: HttpRequest) -> _Call:
    """Check key, rate, content type and body size, and charge for the body, before it is parsed."""
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
        if (request.content_params or {}).get("charset", "utf-8").lower() not in CHARSETS:
            raise ProtocolError("unsupported_media_type", "send JSON in UTF-8")
        if not request.body:
            raise ProtocolError("bad_json", "not JSON: the body is empty")
        # Django looks at Content-Length only, which a body in chunks does not have.
        if len(request.body) > get_limits().max_body_bytes:
            raise RequestDataTooBig
        call.spend(units_of_bytes(len(request.body)))
    return call


api = Api(
    # Generators name their client after it, and `starcast-client` is ours.
    title="Starcast HTTP API",
    version="1.0.0",  # of the API, not of Starcast
    urls_namespace="api",
    docs=Console(),
    docs_decorator=Console.content_security_policy,
    parser=_JsonParser(),
    auth=_admit,
)


@api.post(
    "/v1/predict",
    response=replies("predict", RatedAnswer),
    operation_id="predict",
    summary="Rate one text",
    tags=["ratings"],
)
async def predict(request: HttpRequest, body: Body[PredictRequest]) -> HttpResponse:
    """Rate `text`. The field `texts` in its place is deprecated: use `predict/batch`."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    if isinstance(body, PredictMany):
        return await _rate_many(call, body)
    check_length(body.text, get_limits())
    call.spend(MESSAGE)
    rating = await rate(get_engine(), body.text, call.asker)
    call.used(rating)
    return json_response(rating)


@api.post(
    "/v1/predict/batch",
    response=replies("predictBatch", Ratings),
    operation_id="predictBatch",
    summary="Rate several texts",
    tags=["ratings"],
)
async def predict_batch(request: HttpRequest, body: Body[PredictMany]) -> HttpResponse:
    """Rate up to 64 `texts`. Returns one rating or error for each, in order."""
    return await _rate_many(request.auth, body)  # type: ignore[attr-defined]


async def _rate_many(call: _Call, body: PredictMany) -> HttpResponse:
    # Background work waits for everything else, and is charged by its messages and characters only.
    with call.paying(sum(MESSAGE + units_of_chars(len(text)) for text in body.texts)):
        ratings = await rate_many(get_engine(), body.texts, get_limits(), call.asker)
    call.used(*ratings.results)
    return json_response(ratings)


@api.post(
    "/v1/explain",
    response=replies("explain", ExplainedAnswer),
    operation_id="explain",
    summary="Say what the words and sentences of a text add to its rating",
    tags=["ratings"],
)
async def explain(request: HttpRequest, body: Body[ExplainRequest]) -> HttpResponse:
    """Say what the words and sentences of `text` add to its rating, of films in stars. Always has the same price."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    check_length(body.text, get_limits())
    with call.paying(EXPLANATION):
        explained = await explain_text(get_engine(), body.text, call.asker)
    call.used(explanations=1)
    return json_response(explained)


@api.post(
    "/v1/feedback",
    response=replies("feedback", FeedbackReply),
    operation_id="feedback",
    summary="Store a person's own rating of a text",
    tags=["feedback"],
)
async def feedback(request: HttpRequest, body: Body[FeedbackRequest]) -> HttpResponse:
    """Rate `text`, and store it with the rating and `stars`, so that the operator can train on it."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    check_length(body.text, get_limits())
    call.spend(FEEDBACK + MESSAGE)
    rating = await rate(get_engine(), body.text, call.asker)
    call.used(rating)
    return json_response(await store(body, rating, call.address))


@api.post(
    "/v1/tokens",
    response=replies("makeToken", TokenReply),
    operation_id="makeToken",
    summary="Make a token with which one browser opens one WebSocket",
    tags=["keys"],
)
async def tokens(request: HttpRequest, body: Body[TokenRequest]) -> HttpResponse:
    """Make a token for a browser, so that it need not know the key. It is good once, and for WebSockets only."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    key = call.required_key("a token is made with a key")
    return json_response(TokenReply(token=make_token(key, body), expires_in_s=body.ttl_s))


@api.api_operation(
    ["GET", "HEAD"],
    "/v1/usage",
    response=replies("usage", KeyUsage),
    operation_id="usage",
    summary="Say what a key has used",
    tags=["keys"],
)
async def usage(request: HttpRequest) -> HttpResponse:
    """Return what the key of this request used in the last 30 days. Other processes may be a minute behind."""
    call: _Call = request.auth  # type: ignore[attr-defined]
    key = call.required_key("usage is counted by key")
    try:
        used = await key_watch.usage_of(key)
    except DatabaseError as error:
        logger.error("usage could not be read: %s", error)
        raise ProtocolError("storage_unavailable", "usage cannot be read at the moment") from error
    most = sorted(used.items(), key=lambda entry: entry[1].texts, reverse=True)[:MAX_REFERENCES]
    references = [ReferenceUsage(reference=reference, **asdict(usage)) for reference, usage in most]
    return json_response(KeyUsage(days=SHOWN_DAYS, references=references, **asdict(total(used))))


@api.api_operation(
    ["GET", "HEAD"],
    "/v1/model",
    response=replies("model", Model),
    operation_id="model",
    summary="Describe the model and the limits",
    tags=["model"],
)
async def model(request: HttpRequest) -> HttpResponse:
    """Return the model, the labels of its probabilities, and the limits."""
    return json_response(model_reply(get_engine().info, get_limits()))


@csrf_exempt
@require_safe
@made_once
def openapi(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI document, for the server as the client names it."""
    schema = api.get_openapi_schema()
    schema["servers"] = [{"url": f"{request.scheme}://{request.get_host()}", "description": "This server"}]
    return HttpResponse(json.dumps(schema, cls=NinjaJSONEncoder), content_type="application/json")


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
    return error_response(ProtocolError("too_large", f"a body may have {counted(get_limits().max_body_bytes, 'byte')}"))


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

"""The HTTP API: same numbers, errors and limits as the socket; health checks and descriptions."""

from starcast_client.conformance.explaining import DECISIVE
from starcast_client.conformance.numbers import TEXTS
from starcast_client.conformance.suite import Check, Message, Skipped, Target, check, expect, expect_same

CHECKS: list[Check] = []

_MAX_TEXTS = 64


@check(CHECKS, "POST /api/v1/predict gives the same numbers as the socket, to 1e-3")
async def _same_numbers(target: Target) -> None:
    async with target.greeted() as peer:
        for seq, text in enumerate((*TEXTS, ""), start=1):
            body = await _post(target, "/api/v1/predict", {"text": text})
            answer = await peer.rating(seq, text)
            expect_same(answer, body)
            for name in ("state", "legible", "stars", "label"):
                expect(body.get(name) == answer.get(name), f"{name} {answer.get(name)}", body)


@check(CHECKS, "POST /api/v1/predict/batch rates many texts in order, and an error affects only its text")
async def _many_texts(target: Target) -> None:
    async with target.greeted() as peer:
        too_long = "a" * (peer.greeting["limits"]["max_chars"] + 1)
        body = await _post(target, "/api/v1/predict/batch", {"texts": [TEXTS[0], too_long, *TEXTS[1:]]})
        first, refused, *others = body["results"]
        code = refused.get("error", {}).get("code")
        expect(code == "text_too_long", "error text_too_long in the place of the second", refused)
        for seq, (text, result) in enumerate(zip(TEXTS, [first, *others], strict=True)):
            expect_same(await peer.rating(seq, text), result)


@check(CHECKS, "POST /api/v1/explain gives the same spans as the socket")
async def _same_explanation(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.rating(1, DECISIVE)
        answer = await peer.ask("explain", seq=1)
        body = await _post(target, "/api/v1/explain", {"text": DECISIVE})
        told = answer.keys() - {"type", "seq", "partial"} | {"model_version", "task", "classes"}
        expect(body.keys() == told, f"{', '.join(sorted(told))} in the answer", body)
        spans, others = body["spans"], answer["spans"]
        offsets = [[(span["begin"], span["end"], span["unit"]) for span in each] for each in (spans, others)]
        expect(bool(offsets[0]) and offsets[0] == offsets[1], f"the spans {offsets[1]}", offsets[0])
        apart = max(abs(one["weight"] - two["weight"]) for one, two in zip(spans, others, strict=True))
        expect(apart < 1e-2, "the same weights", f"a difference of {apart:.2g}")


@check(CHECKS, "GET /api/v1/model agrees with the greeting")
async def _same_model(target: Target) -> None:
    async with target.greeted() as peer:
        status, body = await target.get("/api/v1/model")
        expect(status == 200, "status 200", f"{status} {body}")
        for name in ("labels", "task", "classes", "prior", "model", "states", "offset_unit"):
            told = peer.greeting.get(name)
            expect(body.get(name) == told, f"{name} {told}", body.get(name))
        shared = {name: value for name, value in peer.greeting["limits"].items() if name in body.get("limits", {})}
        expect(bool(shared) and shared.items() <= body["limits"].items(), f"limits {shared}", body.get("limits"))


@check(CHECKS, "HTTP errors have a status, and the code and message of the socket")
async def _errors(target: Target) -> None:
    async with target.greeted() as peer:
        too_long = {"text": "a" * (peer.greeting["limits"]["max_chars"] + 1)}
    for path, content, statuses, code in (
        ("/api/v1/predict", {"txt": TEXTS[0]}, (400, 422), "bad_request"),
        ("/api/v1/predict/batch", {"texts": [TEXTS[0]] * (_MAX_TEXTS + 1)}, (400, 422), "bad_request"),
        ("/api/v1/predict", b"{", (400,), "bad_json"),
        ("/api/v1/predict", too_long, (413,), "text_too_long"),
        ("/api/v1/explain", {"text": 1}, (400, 422), "bad_request"),
        ("/api/v1/no-such-thing", {}, (404,), "not_found"),
    ):
        status, body = await target.post(path, content)
        error = body.get("error", {})
        expect(status in statuses and error.get("code") == code, f"{statuses} {code} of {path}", f"{status} {body}")
        expect(bool(error.get("message")) and error.get("retryable") is False, "a message, retryable false", body)


@check(CHECKS, "GET /healthz: status 200")
async def _healthz(target: Target) -> None:
    status, body = await target.get("/healthz")
    expect(status == 200, "status 200", f"{status} {body}")


@check(CHECKS, "GET /readyz: status 200")
async def _readyz(target: Target) -> None:
    status, body = await target.get("/readyz")
    if status == 404 and target.url.startswith("wss:"):
        # Behind TLS there may be a proxy that hides this path.
        raise Skipped("not shown to outsiders")
    expect(status == 200, "status 200", f"{status} {body}")


@check(CHECKS, "OpenAPI 3 and AsyncAPI 3 describe the server")
async def _descriptions(target: Target) -> None:
    for path, name, names in (
        ("/api/openapi.json", "openapi", ("/api/v1/predict", "/api/v1/explain", "/api/v1/model")),
        ("/api/asyncapi.json", "asyncapi", ()),
    ):
        status, body = await target.get(path)
        expect(status == 200 and str(body.get(name)).startswith("3."), f"{name} 3 at {path}", f"{status} {body}")
        missing = [each for each in names if each not in body.get("paths", {})]
        expect(not missing, f"all paths in {path}", f"none of {missing}")


async def _post(target: Target, path: str, content: Message) -> Message:
    status, body = await target.post(path, content)
    expect(status == 200, "status 200", f"{status} {body}")
    return body

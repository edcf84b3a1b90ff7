"""The same numbers on every way, the empty text, and what newer servers can do."""

import asyncio

from starcast_client.conformance.suite import Check, Failed, Message, Skipped, Target, check, error_code, expect

CHECKS: list[Check] = []

TEXTS = (
    "A fine film.",
    "Terrible. Two hours of my life that I will not get back.",
    "Half of it is a sharp comedy about office life and half is a thriller that nobody asked for.",
)


@check(CHECKS, "a text gives the same numbers again, after other texts and on another connection, to 1e-3")
async def same_numbers_again(target: Target) -> None:
    """Alone or in company."""
    async with target.greeted() as peer, target.greeted() as other:
        first = [await peer.rating(seq, text) for seq, text in enumerate(TEXTS, start=1)]
        again = [await peer.rating(seq, text) for seq, text in enumerate(TEXTS, start=11)]
        at_once = await asyncio.gather(peer.rating(21, TEXTS[0]), other.rating(1, TEXTS[1]))
        for one, two in [*zip(first, again, strict=True), *zip(first, at_once, strict=False)]:
            _expect_same(one, two)


@check(CHECKS, "POST /api/v1/predict gives the same numbers as the socket, to 1e-3")
async def same_numbers_over_http(target: Target) -> None:
    """The HTTP twin."""
    async with target.greeted() as peer:
        for seq, text in enumerate((*TEXTS, ""), start=1):
            status, body = await target.post("/api/v1/predict", {"text": text})
            expect(status == 200, "status 200", f"{status} {body}")
            _expect_same(await peer.rating(seq, text), body)


@check(CHECKS, "POST /api/v1/predict refuses a body without a text by status 400 or 422 and error bad_request")
async def bad_request_over_http(target: Target) -> None:
    """Errors of the HTTP twin."""
    status, body = await target.post("/api/v1/predict", {"txt": "A fine film."})
    expect(status in (400, 422), "status 400 or 422", status)
    expect(body.get("error", {}).get("code") == "bad_request", "error bad_request", body)


@check(CHECKS, "the empty text gives the prior, marked is_prior")
async def empty_text_is_the_prior(target: Target) -> None:
    """Nothing typed yet."""
    async with target.greeted() as peer:
        answer = await peer.rating(1, "")
        expect(answer["is_prior"] is True, "is_prior", answer)
        _expect_same(answer, {"probabilities": peer.greeting["prior"]})
        answer = await peer.rating(2, TEXTS[0])
        expect(answer["is_prior"] is False, "no is_prior for a text", answer)


@check(CHECKS, "explain is answered by spans of weights that lie within the text")
async def explain(target: Target) -> None:
    """Explanations, where there are any."""
    text = "A 😀 fine film. E\u0301nd."
    async with target.greeted() as peer:
        await peer.rating(7, text)
        answer = await peer.ask("explain", seq=7)
        _skip_if_unknown(answer, "explain")
        is_ours = (answer["type"], answer.get("seq")) == ("explanation", 7)
        expect(is_ours and bool(answer.get("method")), "an explanation of seq 7 with a method", answer)
        for span in answer["spans"]:
            is_within = 0 <= span["begin"] < span["end"] <= len(text)
            expect(is_within and isinstance(span["weight"], (int, float)), "offsets in code points, a weight", span)
            expect(span.get("unit") in ("word", "phrase", "sentence"), "unit word, phrase or sentence", span)


@check(CHECKS, "session.update is taken, and texts are answered after it")
async def session_update(target: Target) -> None:
    """Options of a connection, where there are any."""
    async with target.greeted() as peer:
        await peer.send("session.update", session={"min_interval_ms": 0})
        await peer.send("text.update", seq=1, text=TEXTS[0])
        while (answer := await peer.receive())["type"] != "prediction":
            _skip_if_unknown(answer, "session.update")
            expect(answer["type"] != "error", "no error", answer)


@check(
    CHECKS,
    "1,000 texts beyond the burst: some are rate_limited, and the newest is answered",
    is_rude=True,
)
async def rate_limit(target: Target) -> None:
    """A flood."""
    async with target.greeted() as flood:
        limits = flood.greeting["limits"]
        count = limits["burst"] + 1_000
        newest = count
        refused = 0

        async def send_all() -> None:
            for seq in range(1, count + 1):
                await flood.send("text.update", seq=seq, text=f"{TEXTS[0]} {seq}")

        sending = asyncio.create_task(send_all())
        try:
            while True:
                answer = await flood.receive()
                if error_code(answer) == "rate_limited":
                    expect(answer["error"]["retryable"] is True, "rate_limited to be retryable", answer)
                    refused += 1
                if answer.get("seq", answer.get("error", {}).get("seq")) == newest:
                    break
        except Failed:
            expect(flood.connection.close_code == 4008, "close 4008, if any", flood.connection.close_code)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        expect(refused > 0, "some texts refused by rate_limited", refused)


def _skip_if_unknown(answer: Message, what: str) -> None:
    if error_code(answer) == "unknown_type":
        raise Skipped(f"this server does not know {what}")


def _expect_same(one: Message, other: Message) -> None:
    pairs = zip(one["probabilities"], other["probabilities"], strict=True)
    furthest = max(abs(a - b) for a, b in pairs)
    expect(furthest <= 1e-3, "the same probabilities to 1e-3", f"a difference of {furthest:.2g}")

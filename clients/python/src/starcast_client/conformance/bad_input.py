"""Malformed input: each gets its error, and the socket stays open."""

import json
import math

from starcast_client.conformance.suite import Check, Peer, Skipped, Target, check, expect, expect_same

CHECKS: list[Check] = []

_MOST_MALFORMED = 100


def _deep(levels: int) -> str:
    return "[" * levels + "]" * levels


def _update(seq: object) -> str:
    return json.dumps({"type": "text.update", "text": "a", "seq": seq})


BAD_FRAMES: dict[str, tuple[str, tuple[str | bytes, ...]]] = {
    "not JSON": ("bad_json", ("", "{", "text", '{"type":"ping"')),
    "1,000 levels of nesting": ("bad_json", (_deep(1_000),)),
    "a 5,000-digit integer": ("bad_json", ('{"type":"text.update","text":"a","seq":' + "7" * 5_000 + "}",)),
    "a scalar, null or an array": ("bad_request", ("1", '"text"', "null", "true", "[]")),
    "a seq of NaN, Infinity or 1e999": (
        "bad_request",
        (_update(math.nan), _update(math.inf), '{"type":"text.update","text":"a","seq":1e999}'),
    ),
    "a seq that is a bool, a fraction, negative, huge, a string or missing": (
        "bad_request",
        (*map(_update, (True, 1.5, -1, 2**53, "1", None)), '{"type":"text.update","text":"a"}'),
    ),
    "a text that is none": (
        "bad_request",
        ('{"type":"text.update","seq":1}', '{"type":"text.update","seq":1,"text":1}'),
    ),
    "an unknown type": ("unknown_type", ('{"type":"review"}', "{}", '{"type":null}')),
    "a binary frame": ("binary_not_supported", (b"{}", b"\x80\xff")),
}  # fmt: skip


def _register(what: str, code: str, frames: tuple[str | bytes, ...]) -> None:
    @check(CHECKS, f"{what}: error {code}, and the next text is answered")
    async def _bad_frame(target: Target) -> None:
        async with target.greeted() as peer:
            for frame in frames:
                await peer.connection.send(frame)
                await peer.expect_error(code)
                # A good message, since a server closes after some malformed ones in a row.
                await peer.expect_nothing()
            await peer.rating(9, "A fine film")


for _what, (_code, _frames) in BAD_FRAMES.items():
    _register(_what, _code, _frames)


@check(CHECKS, "errors have a message for people")
async def _errors_have_messages(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.rating(1, "A fine film")
        for frame in ("{", "[]", b"{}", '{"type":"review"}', _update(-1), _update(1)):
            await peer.connection.send(frame)
            answer = await peer.receive()
            message = answer.get("error", {}).get("message")
            expect(isinstance(message, str) and message != "", "an error with a message", answer)
            await peer.expect_nothing()


@check(CHECKS, "unknown fields are ignored")
async def _unknown_fields_are_ignored(target: Target) -> None:
    async with target.greeted() as peer:
        answer = await peer.ask("text.update", seq=1, text="A fine film", mood={"good": True})
        expect(answer["type"] == "prediction", "a prediction", answer)


@check(CHECKS, "a message with too many bytes: error too_large, and the socket stays open")
async def _too_large(target: Target) -> None:
    async with target.greeted() as peer:
        frame = json.dumps({"type": "text.update", "seq": 1, "text": ""})
        await peer.connection.send(frame.replace('""', '"' + "a" * peer.greeting["limits"]["max_message_bytes"] + '"'))
        await peer.expect_error("too_large")
        await peer.rating(2, "A fine film")


@check(CHECKS, "a text with too many characters: error text_too_long with its seq; one less is answered")
async def _too_long(target: Target) -> None:
    async with target.greeted() as peer:
        limit = peer.greeting["limits"]["max_chars"]
        await peer.send("text.update", seq=1, text="a" * (limit + 1))
        error = await peer.expect_error("text_too_long")
        expect(error["error"].get("seq") == 1, "seq 1 in the error", error)
        await peer.rating(2, "a" * limit)


@check(CHECKS, "a lone surrogate is rated as U+FFFD")
async def _lone_surrogate(target: Target) -> None:
    async with target.greeted() as peer:
        broken = await peer.rating(1, "half \ud83d of it")
        replaced = await peer.rating(2, "half \ufffd of it")
        expect_same(broken, replaced)


@check(CHECKS, "spaces, NUL, combining marks, zero-width characters, bidi controls, emoji and Cyrillic are rated")
async def _strange_texts(target: Target) -> None:
    texts = (
        "   ", "\x00", "a\x00b", "e" + "\u0301" * 2_000, "\u200b\u200c\u200d\ufeff", "\u202eevil\u202c", "😀" * 500,
        "Отличный фильм", "<script>alert(1)</script>",
    )  # fmt: skip
    async with target.greeted() as peer:
        for seq, text in enumerate(texts):
            await peer.rating(seq, text)


@check(CHECKS, "max_malformed malformed messages in a row: error too_many_errors, close 4502")
async def _malformed_in_a_row(target: Target) -> None:
    async with target.greeted() as peer:
        await _send_malformed(peer, _max_malformed(peer))
        await peer.expect_error("too_many_errors")
        await peer.expect_close(4502)


@check(CHECKS, "fewer malformed messages, a good one, and as many again: the socket stays open")
async def _malformed_not_in_a_row(target: Target) -> None:
    async with target.greeted() as peer:
        for seq in (1, 2):
            await _send_malformed(peer, _max_malformed(peer) - 1)
            await peer.rating(seq, "A fine film")


def _max_malformed(peer: Peer) -> int:
    limit: int | None = peer.greeting["limits"].get("max_malformed")
    if limit is None:
        raise Skipped("an older server, which does not tell max_malformed")
    # Malformed messages cost work too.
    if limit > _MOST_MALFORMED:
        raise Skipped(f"max_malformed is {limit}, more than the {_MOST_MALFORMED} that this test sends")
    return limit


async def _send_malformed(peer: Peer, count: int) -> None:
    for _ in range(count):
        await peer.connection.send("{")
        await peer.expect_error("bad_json")

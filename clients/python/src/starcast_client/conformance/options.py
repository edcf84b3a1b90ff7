"""Options of a connection, and cancelling."""

import asyncio

from starcast_client.conformance.suite import Check, Message, Target, check, error_code, expect

CHECKS: list[Check] = []

REVIEW = "I went in expecting little and came out wanting to ring everybody I know."

_INTERVAL_MS = 300
_LONGEST_MS = 60_000
"""Longer than any check lasts, so that a text waits for certain."""


@check(CHECKS, "session.update is answered by session.updated with all options")
async def _options_are_confirmed(target: Target) -> None:
    async with target.greeted() as peer:
        for chosen in ({"min_interval_ms": 250}, {}, {"later_option": 1}):
            answer = await peer.choose(**chosen)
            expect(answer["session"].get("min_interval_ms") == 250, "min_interval_ms 250 in force", answer)


@check(CHECKS, "an invalid min_interval_ms: error bad_request, and the option does not change")
async def _bad_options_are_refused(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.choose(min_interval_ms=250)
        for value in (-1, "soon"):
            await peer.send("session.update", session={"min_interval_ms": value})
            await peer.expect_error("bad_request")
            answer = await peer.choose()
            expect(answer["session"].get("min_interval_ms") == 250, "min_interval_ms 250 in force", answer)


@check(CHECKS, "min_interval_ms delays predictions, and then the newest text is answered")
async def _interval_is_kept(target: Target) -> None:
    clock = asyncio.get_running_loop()
    async with target.greeted() as peer:
        await peer.choose(min_interval_ms=_INTERVAL_MS)
        answer = await peer.rating(1, REVIEW)
        came = clock.time()
        for seq in (2, 3, 4):
            await peer.send("text.update", seq=seq, text=f"{REVIEW} {seq}")
        while answer["seq"] < 4:
            answer = await peer.receive()
            expect(answer["type"] == "prediction", "predictions", answer)
            apart_ms, came = (clock.time() - came) * 1000, clock.time()
            # The network may have delayed the previous one.
            expect(apart_ms >= _INTERVAL_MS / 2, f"{_INTERVAL_MS} ms between predictions", f"{apart_ms:.0f} ms")


@check(CHECKS, "flush does not wait for min_interval_ms")
async def _flush_does_not_wait(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.choose(min_interval_ms=_LONGEST_MS)
        await peer.rating(1, REVIEW)
        await peer.send("text.update", seq=2, text=f"{REVIEW} 2")
        answer = await peer.ask("flush", seq=2)
        if (answer.get("seq"), answer.get("is_final")) == (2, False):  # It was rated before flush arrived.
            answer = await peer.receive()
        expect((answer.get("seq"), answer.get("is_final")) == (2, True), "seq 2 final", answer)


@check(CHECKS, "cancel drops the waiting text: flush does not bring it back, and it counts as skipped")
async def _cancel_forgets_what_waits(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.choose(min_interval_ms=_LONGEST_MS)
        await peer.rating(1, REVIEW)
        await peer.send("text.update", seq=2, text=f"{REVIEW} 2")
        await peer.send("cancel")
        answer = await peer.ask("flush", seq=2)
        is_older = answer.get("seq") == 1 and answer.get("is_final") is True
        expect(is_older or error_code(answer) == "bad_request", "error bad_request, or seq 1 again", answer)
        await peer.send("text.update", seq=3, text=f"{REVIEW} 3")
        answer = await peer.ask("flush", seq=3)
        expect((answer.get("seq"), answer.get("skipped")) == (3, 1), "seq 3 with 1 skipped", answer)
        await peer.expect_nothing()


@check(CHECKS, "cancel: earlier texts are answered or skipped, and the next one is answered")
async def _cancel_loses_no_count(target: Target) -> None:
    async with target.greeted() as peer:
        for seq in (1, 2, 3):
            await peer.send("text.update", seq=seq, text=f"{REVIEW} {seq}")
        await peer.send("cancel")
        await peer.send("text.update", seq=4, text=REVIEW)
        answers: list[Message] = [await peer.receive()]
        while answers[-1].get("seq") != 4:
            expect(answers[-1]["type"] == "prediction", "predictions", answers[-1])
            answers.append(await peer.receive())
        total = len(answers) + sum(answer["skipped"] for answer in answers)
        expect(total == 4, "4 texts answered or skipped", total)

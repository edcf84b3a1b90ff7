"""The sequence contract, and flush."""

from starcast_client.conformance.suite import Check, Message, Peer, Target, check, expect

CHECKS: list[Check] = []

REVIEW = "I went in expecting little and came out wanting to ring everybody I know."


async def _type(peer: Peer, count: int) -> list[Message]:
    """Send many texts at once; return the answers up to the newest text's."""
    for seq in range(1, count + 1):
        await peer.send("text.update", seq=seq, text=f"{REVIEW} {seq}")
    answers: list[Message] = []
    while not answers or answers[-1]["seq"] < count:
        answer = await peer.receive()
        expect(answer["type"] == "prediction", "predictions", answer)
        answers.append(answer)
    return answers


@check(CHECKS, "the newest of many texts is answered, and predictions come in increasing seq")
async def _newest_is_answered(target: Target) -> None:
    async with target.greeted() as peer:
        seqs = [answer["seq"] for answer in await _type(peer, 40)]
        expect(seqs == sorted(set(seqs)) and seqs[-1] == 40, "increasing seq up to 40", seqs)


@check(CHECKS, "answered and skipped texts add up to the number sent")
async def _skipped_counts_add_up(target: Target) -> None:
    async with target.greeted() as peer:
        answers = await _type(peer, 40)
        total = len(answers) + sum(answer["skipped"] for answer in answers)
        expect(total == 40, "40 texts answered or skipped", total)


@check(CHECKS, "seq may start anywhere and have gaps, up to 9007199254740991")
async def _gaps_do_no_harm(target: Target) -> None:
    async with target.greeted() as peer:
        for seq in (0, 17, 2**53 - 1):
            await peer.rating(seq, f"{REVIEW} {seq}")


@check(CHECKS, "a seq that does not increase: error seq_not_increasing with that seq, and the socket stays open")
async def _seq_must_increase(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.rating(5, REVIEW)
        for seq in (5, 4):
            await peer.send("text.update", seq=seq, text="older")
            error = await peer.expect_error("seq_not_increasing")
            expect(error["error"].get("seq") == seq, f"seq {seq} in the error", error)
        await peer.rating(6, REVIEW)


@check(CHECKS, "flush after the answer repeats the rating with is_final")
async def _flush_answers_again(target: Target) -> None:
    async with target.greeted() as peer:
        answer = await peer.rating(1, REVIEW)
        expect(answer["is_final"] is False, "is_final false before the flush", answer)
        final = await peer.ask("flush", seq=1)
        expect(
            (final["type"], final.get("seq"), final.get("is_final")) == ("prediction", 1, True), "seq 1 final", final
        )
        expect(final["probabilities"] == answer["probabilities"], "the same probabilities", final)


@check(CHECKS, "flush right after a text returns its rating with is_final, exactly once")
async def _flush_under_way(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.send("text.update", seq=1, text=REVIEW)
        await peer.send("text.update", seq=2, text=f"{REVIEW} 2")
        await peer.send("flush", seq=2)
        answers = [await peer.receive()]
        while not answers[-1].get("is_final"):
            expect(answers[-1]["type"] == "prediction", "predictions", answers[-1])
            answers.append(await peer.receive())
        expect(answers[-1]["seq"] == 2, "seq 2 final", answers[-1])
        pong = await peer.ask("ping", id="after")
        expect(pong["type"] == "pong", "nothing after the final one", pong)


@check(CHECKS, "flush before any text: error bad_request")
async def _flush_without_text(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.send("flush", seq=1)
        await peer.expect_error("bad_request")

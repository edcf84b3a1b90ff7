"""Explanations, and when there is none."""

from starcast_client.conformance.suite import Check, Message, Peer, Target, check, expect, rates_films

CHECKS: list[Check] = []

DECISIVE = "A terrible film."
"""Removing its second word changes the rating of any model of film ratings."""
_WORD = (2, 10)
# Characters of several code points: e with an acute accent, and a woman with a laptop.
_JOINED = "A 😀 fine film. E\u0301nd 👩\u200d💻."
_WITHIN_ONE = frozenset({_JOINED.index("\u0301"), _JOINED.index("\u200d"), _JOINED.index("💻")})
_LONG = " ".join(f"Scene {number} is slow, and scene {number + 1} is superb." for number in range(1, 60, 2))


@check(CHECKS, "explain is answered by weighted spans that lie within the text and split no character")
async def _spans_lie_within_the_text(target: Target) -> None:
    async with target.greeted() as peer:
        rating = await peer.rating(7, _JOINED)
        answer = await _explained(peer, 7)
        expect(bool(answer.get("method")), "a method", answer)
        if rates_films(peer.greeting):
            expect(abs(answer["expected_stars"] - rating["expected_stars"]) < 1e-2, "the expected_stars rated", answer)
        else:
            rated = rating.get("expected_value", max(rating["probabilities"]))
            expect(abs(answer["value"] - rated) < 1e-2, f"the value {rated:.3f}", answer)
            counted_in = "values" if "expected_value" in rating else "probability"
            expect(answer["counted_in"] == counted_in, f"counted_in {counted_in}", answer)
        for span in answer["spans"]:
            is_within = 0 <= span["begin"] < span["end"] <= len(_JOINED)
            expect(is_within and isinstance(span["weight"], (int, float)), "offsets in code points, a weight", span)
            expect(not _WITHIN_ONE & {span["begin"], span["end"]}, "whole characters", span)
            expect(span.get("unit") in ("word", "phrase", "sentence"), "unit word, phrase or sentence", span)
        begins = [span["begin"] for span in answer["spans"]]
        expect(begins == sorted(begins), "spans in the order of the text", begins)
        expect(answer.get("partial", False) is False, "partial false where it was not asked for", answer)


@check(CHECKS, "words have spans, and something of a film review has a weight")
async def _words_have_spans(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.rating(1, DECISIVE)
        spans = (await _explained(peer, 1))["spans"]
        found = [span for span in spans if (span["begin"], span["end"]) == _WORD]
        expect(bool(found), f"a span of {DECISIVE[slice(*_WORD)]!r}", spans)
        if rates_films(peer.greeting):
            expect(any(span["weight"] != 0 for span in spans), "a weight other than 0", spans)


@check(CHECKS, "explain with partial: what is known comes first, and the whole explanation last")
async def _partial_explanations_come_first(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.rating(1, DECISIVE)
        answer = await peer.ask("explain", seq=1, partial=True)
        while answer["type"] == "explanation" and answer.get("partial"):
            answer = await peer.receive()
        expect((answer["type"], answer.get("seq")) == ("explanation", 1), "an explanation of seq 1", answer)
        await peer.expect_nothing()


@check(CHECKS, "explain right after a text is answered after its prediction")
async def _explain_waits_for_the_rating(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.send("text.update", seq=1, text=DECISIVE)
        await peer.send("explain", seq=1)
        answers = [await peer.receive(), await peer.receive()]
        kinds = [(answer["type"], answer.get("seq")) for answer in answers]
        expect(kinds == [("prediction", 1), ("explanation", 1)], "a prediction, then an explanation", kinds)


@check(CHECKS, "explain of an unrated seq: error bad_request with that seq")
async def _unknown_seq_is_an_error(target: Target) -> None:
    async with target.greeted() as peer:
        # Before any text, and with another number.
        for seq in (1, 2):
            await peer.send("explain", seq=77)
            error = await peer.expect_error("bad_request")
            expect(error["error"].get("seq") == 77, "seq 77 in the error", error)
            await peer.rating(seq, DECISIVE)


@check(CHECKS, "explain of a refused text: error with its seq")
async def _refused_text_is_not_explained(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.send("text.update", seq=1, text="a" * (peer.greeting["limits"]["max_chars"] + 1))
        await peer.expect_error("text_too_long")
        answer = await peer.ask("explain", seq=1)
        expect(answer["type"] == "error" and answer["error"].get("seq") == 1, "an error with seq 1", answer)


@check(CHECKS, "explain of an older text gets no answer")
async def _older_text_is_passed_over(target: Target) -> None:
    async with target.greeted() as peer:
        for seq in (1, 2):
            await peer.rating(seq, f"{DECISIVE} {seq}")
        await peer.send("explain", seq=1)
        await peer.expect_nothing()


@check(CHECKS, "a newer text cancels an explanation: it does not come after the newer text's prediction")
async def _newer_text_drops_an_explanation(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.rating(1, _LONG)
        await peer.send("explain", seq=1)
        await peer.send("text.update", seq=2, text=DECISIVE)
        # It may just have finished.
        while (answer := await peer.receive())["type"] == "explanation":
            pass
        expect((answer["type"], answer.get("seq")) == ("prediction", 2), "a prediction with seq 2", answer)
        await _explained(peer, 2)


async def _explained(peer: Peer, seq: int) -> Message:
    answer = await peer.ask("explain", seq=seq)
    expect((answer["type"], answer.get("seq")) == ("explanation", seq), f"an explanation of seq {seq}", answer)
    return answer

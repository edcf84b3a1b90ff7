"""Consistency of the numbers of a rating, and that they are reproducible."""

import asyncio
import math

from starcast_client.conformance.suite import (
    Check,
    Message,
    Skipped,
    Target,
    check,
    expect,
    expect_same,
    rates_films,
)
from starcast_client.messages import labels_of, values_of

CHECKS: list[Check] = []

TEXTS = (
    "A fine film.",
    "Terrible. Two hours of my life that I will not get back.",
    "Half of it is a sharp comedy about office life and half is a thriller that nobody asked for.",
)

_TAIL = 0.1
"""Maximum probability below the central 80 %, and above it."""
_ROUNDING = 1e-3
_OF_LABELS = {"stars", "expected_stars", "label", "expected_value", "interval", "positive"}
"""Fields that depend on what the labels are."""
_GERMAN = "Ich habe mich zwei Stunden lang gelangweilt, und die Schauspieler waren leider auch nicht gut."


@check(CHECKS, "a prediction has a probability for each label, which sum to 1, and its other numbers agree with them")
async def _prediction_has_all_fields(target: Target) -> None:
    async with target.greeted() as peer:
        greeting, answer = peer.greeting, await peer.rating(1, TEXTS[0])
        labels, values, shares = labels_of(greeting), values_of(greeting), answer["probabilities"]
        expect(len(shares) == len(labels) and abs(sum(shares) - 1) < 1e-3, "numbers that sum to 1", shares)
        best, mean = ("stars", "expected_stars") if rates_films(greeting) else ("label", "expected_value")
        likeliest = labels[shares.index(max(shares))]
        expect(answer[best] == likeliest, f"{best} {likeliest}", answer)
        expect(answer["label"] == str(likeliest), f"label {likeliest}", answer)
        of_labels = {best, "label"}
        if values is not None:
            of_labels |= {mean, "expected_value", "interval"}
            expected = sum(value * share for value, share in zip(values, shares, strict=True))
            for name in (mean, "expected_value"):
                expect(abs(answer[name] - expected) < 1e-2, f"{name} {expected:.3f}", answer)
        if values is not None and greeting.get("task", "ratings") == "ratings":
            of_labels.add("positive")
            middle = (values[0] + values[-1]) / 2
            positive = sum(share for value, share in zip(values, shares, strict=True) if value > middle)
            expect(abs(answer["positive"] - positive) < 1e-2, f"positive {positive:.3f}", answer)
        others = answer.keys() & _OF_LABELS - of_labels
        expect(not others, f"of {', '.join(sorted(_OF_LABELS))} only {', '.join(sorted(of_labels))}", answer)
        named = {"is_final": bool, "truncated": bool, "is_prior": bool, "tokens": int, "model_version": str}
        wrong = [name for name, kind in named.items() if not isinstance(answer.get(name), kind)]
        expect(not wrong, f"{', '.join(named)} of their kinds", answer)
        expect({"queue", "inference"} <= answer.get("timing_ms", {}).keys(), "queue and inference in timing_ms", answer)


@check(CHECKS, "the interval of a prediction holds the central 80 % of its probabilities")
async def _interval_is_central(target: Target) -> None:
    async with target.greeted() as peer:
        if (values := values_of(peer.greeting)) is None:
            raise Skipped("the labels have no values")
        for seq, text in enumerate(TEXTS):
            _expect_central(await peer.rating(seq, text), values)


@check(CHECKS, "a text with more words than max_tokens is truncated, and a short one is not")
async def _long_texts_are_truncated(target: Target) -> None:
    async with target.greeted() as peer:
        max_tokens, limits = peer.greeting["model"]["max_tokens"], peer.greeting["limits"]
        text = "film " * (max_tokens + 1)
        # The JSON around the text takes some bytes too.
        if len(text) > min(limits["max_chars"], limits["max_message_bytes"] - 100):
            raise Skipped(f"no text that the server takes is surely longer than {max_tokens} tokens")
        short, long = await peer.rating(1, TEXTS[0]), await peer.rating(2, text)
        expect(short["truncated"] is False, "truncated false for a short text", short)
        expect(short["tokens"] > 0, "tokens that were read", short)
        expect(long["truncated"] is True, "truncated true for a long text", long)
        expect(long["tokens"] <= max_tokens, f"at most {max_tokens} tokens", long["tokens"])


@check(CHECKS, "a text gets the same numbers again, after other texts and on another connection, to 1e-3")
async def _same_numbers_again(target: Target) -> None:
    async with target.greeted() as peer, target.greeted() as other:
        first = [await peer.rating(seq, text) for seq, text in enumerate(TEXTS, start=1)]
        again = [await peer.rating(seq, text) for seq, text in enumerate(TEXTS, start=11)]
        at_once = await asyncio.gather(peer.rating(21, TEXTS[0]), other.rating(1, TEXTS[1]))
        for one, two in [*zip(first, again, strict=True), *zip(first, at_once, strict=False)]:
            expect_same(one, two)


@check(CHECKS, "the empty text gives the prior, marked is_prior")
async def _empty_text_is_the_prior(target: Target) -> None:
    async with target.greeted() as peer:
        answer = await peer.rating(1, "")
        expect(answer["is_prior"] is True, "is_prior", answer)
        expect_same(answer, {"probabilities": peer.greeting["prior"]})
        answer = await peer.rating(2, TEXTS[0])
        expect(answer["is_prior"] is False, "no is_prior for a text", answer)


@check(CHECKS, "a prediction says its state, which follows from its numbers and the thresholds of the greeting")
async def _state_follows_from_numbers(target: Target) -> None:
    async with target.greeted() as peer:
        for seq, text in enumerate((*TEXTS, "", "A", _GERMAN), start=1):
            answer = await peer.rating(seq, text)
            allowed = _states_of(answer, peer.greeting)
            expect(answer.get("state") in allowed, f"state {' or '.join(sorted(allowed))}", answer)
            expect(0 <= answer.get("legible", 1) <= 1, "legible from 0 to 1", answer)


def _states_of(answer: Message, greeting: Message) -> set[str]:
    """The state of a rating; two where a number is so near a threshold that it may have been rounded."""
    found = set()
    for slack in (-_ROUNDING, _ROUNDING):
        prior, shares, limits = greeting["prior"], answer["probabilities"], greeting["states"]
        information = sum(p * math.log(p / q) for p, q in zip(shares, prior, strict=True) if p > 0 and q > 0)
        lead, likelier = (number + slack for number in _lead(answer))
        legible = answer.get("legible", 1) + slack
        if answer["is_prior"]:
            found.add("no_opinion")
        elif legible < limits["legible"]:
            found.add("unreadable")
        elif legible < limits.get("clearly_legible", 0) or information + slack < limits["information"]:
            found.add("no_opinion")
        elif lead <= limits["either_way"]:
            found.add("either_way")
        else:
            found.add("says" if likelier >= limits["says"] else "leans")
    return found


def _lead(answer: Message) -> tuple[float, float]:
    """Return the share of the likelier of two: of the sides, or of the two likeliest labels; and its probability."""
    if "positive" in answer:
        likelier = max(answer["positive"], 1 - answer["positive"])
        return likelier, likelier
    likelier, second = sorted(answer["probabilities"], reverse=True)[:2]
    return likelier / (likelier + second), likelier


def _expect_central(answer: Message, values: tuple[float, ...]) -> None:
    low, high = answer["interval"]
    expect(low in values and high in values and low <= high, "an interval of values", answer["interval"])
    shares = answer["probabilities"]
    first, last = values.index(low), values.index(high)
    expect(
        max(sum(shares[:first]), sum(shares[last + 1 :])) <= _TAIL + _ROUNDING,
        "at most 10 % on either side of the interval",
        answer,
    )
    expect(
        min(sum(shares[: first + 1]), sum(shares[last:])) >= _TAIL - _ROUNDING,
        "no label in the interval that only the outer 10 % reach",
        answer,
    )

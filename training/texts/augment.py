"""Changed and made-up texts for fine-tuning, so that a model reads what reviews rarely hold.

Reviews get a phrase that states their own rating, an opening that says nothing, a cut at their start, or an emoji.
Besides them there are single sentences of reviews, and texts of our own: bare ratings, bare emoji, and sentences that
say nothing of a film's quality. Each has its share in ``FinetuneConfig``.
"""

import functools
import itertools
import random
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from model_core.labels import NUM_LABELS, STARS
from training.config import FinetuneConfig
from training.phrases import read_kinds, read_lines
from training.texts.spans import sentences

Target = tuple[float, ...]
"""A distribution over the eight classes."""


class Example(NamedTuple):
    """A text to train on."""

    text: str
    target: Target


NUMBERS: Final = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MOODS: Final[Mapping[str, Target]] = {
    "hated": (0.70, 0.13, 0.07, 0.05, 0.02, 0.01, 0.01, 0.01),
    "disliked": (0.40, 0.20, 0.18, 0.13, 0.05, 0.02, 0.01, 0.01),
    "mixed": (0.12, 0.12, 0.20, 0.28, 0.18, 0.06, 0.02, 0.02),
    "liked": (0.01, 0.01, 0.02, 0.05, 0.20, 0.32, 0.20, 0.19),
    "loved": (0.01, 0.01, 0.01, 0.01, 0.06, 0.15, 0.20, 0.55),
}
"""What a bare emoji of each mood says of a film, by our judgement."""
_MOOD_OF_STARS: Final = {
    1: ("hated", "disliked"), 2: ("hated", "disliked"), 3: ("disliked",), 4: ("disliked", "mixed"),
    7: ("liked",), 8: ("liked",), 9: ("liked", "loved"), 10: ("loved",),
}  # fmt: skip
_SLOT: Final = re.compile(r"\{(\w+)\}")
_MOST_DROPPED: Final = 6
_MOST_EMOJI: Final = 4


def target_of(stars: float) -> Target:
    """Return the target of a stated rating of 0 to 10: its class, or a mix of the two next to it.

    The expected stars of a mix are the rating, so 5 is two thirds of a 4 and one third of a 7.
    """
    stars = min(max(stars, STARS[0]), STARS[-1])
    target = [0.0] * NUM_LABELS
    for number, (low, high) in enumerate(itertools.pairwise(STARS)):
        if low <= stars <= high:
            target[number + 1] = (stars - low) / (high - low)
            target[number] = 1 - target[number + 1]
            break
    return tuple(target)


def changed(example: Example, label: int | None, rng: random.Random, config: FinetuneConfig) -> Example:
    """Return a rated or unrated text with at most one change, or as it is; ``label`` is the class of its rating."""
    text, target = example
    draw = rng.random()
    for share, change in ((config.opening_share, _with_opening), (config.drop_share, _without_first_words)):
        if draw < share:
            return Example(change(text, rng), target)
        draw -= share
    if label is None:
        return example
    if draw < config.stated_share:
        stars = STARS[label]
        return Example(_inserted(text, stated_rating(stars, rng), rng), target_of(stars))
    draw -= config.stated_share
    if draw < config.emoji_share:
        emoji = _emoji(rng.choice(_MOOD_OF_STARS[STARS[label]]), rng)
        return Example(f"{emoji} {text}" if rng.random() < 0.25 else f"{text.rstrip()} {emoji}", target)
    return example


def made(rated: Sequence[Example], prior: Target, rng: random.Random, config: FinetuneConfig) -> list[Example]:
    """Return one epoch's single sentences of the rated reviews, and its texts of our own."""

    def count(share: float) -> int:
        return round(share * len(rated))

    found = []
    for text, target in rng.choices(rated, k=count(config.sentence_share)):
        if spans := sentences(text):
            offset, chars = rng.choice(spans)
            found.append(Example(text[offset : offset + chars], _mixed(target, prior, config.sentence_weight)))
    found += (bare_rating(rng) for _ in range(count(config.bare_rating_share)))
    found += (bare_emoji(prior, rng) for _ in range(count(config.bare_emoji_share)))
    found += (Example(neutral_text(rng), prior) for _ in range(count(config.neutral_share)))
    return found


def stated_rating(stars: int, rng: random.Random) -> str:
    """Return a phrase that states this rating out of ten."""
    wordings = _ratings()
    kinds = ["ten"] * 8 + ["more", "limit", "limit"]
    if stars == STARS[0]:
        kinds += ["lowest"] * 2
    if stars == STARS[-1]:
        kinds += ["highest"] * 2
    return _cased(_filled(rng.choice(wordings[rng.choice(kinds)]), stars, 10, rng), rng)


def bare_rating(rng: random.Random) -> Example:
    """Return a rating alone, from 0 to 10 or on another scale, sometimes beside a sentence that says nothing."""
    text, stars = _bare_rating(rng)
    text = _cased(text, rng)
    draw = rng.random()
    if draw < 0.1:
        text = f"{neutral_text(rng)} {text}"
    elif draw < 0.2:
        text = f"{text}{rng.choice(('.', '!', ' -', ','))} {neutral_text(rng)}"
    elif draw < 0.5:
        text += rng.choice((".", "!", "!!", "..."))
    return Example(text, target_of(stars))


def bare_emoji(prior: Target, rng: random.Random) -> Example:
    """Return one to four emoji of one mood, or without one, which say nothing."""
    mood = rng.choice([*MOODS, "neutral"])
    return Example(_emoji(mood, rng), MOODS.get(mood, prior))


def neutral_text(rng: random.Random) -> str:
    """Return a sentence that says nothing of a film's quality."""
    kinds = _neutral()
    return _SLOT.sub(lambda slot: rng.choice(kinds[slot[1]]), rng.choice(kinds["texts"]))


def _bare_rating(rng: random.Random) -> tuple[str, float]:
    wordings = _ratings()
    draw = rng.random()
    if draw < 0.7:
        stars = rng.randint(1, 10)
        kind = rng.choice(["ten"] * 6 + ["limit"])
        return _filled(rng.choice(wordings[kind]), stars, 10, rng), stars
    if draw < 0.75:
        half = rng.randint(1, 9) + 0.5
        wording = rng.choice([wording for wording in wordings["ten"] if "{n}" in wording and "{aster" not in wording])
        return _filled(wording, half, 10, rng), half
    if draw < 0.9:
        scale = rng.choice((4, 5, 5, 100))
        value = rng.randint(1, scale)
        return _filled(rng.choice(wordings["scale"]), value, scale, rng), 10 * value / scale
    if draw < 0.93:
        # Up to five, a number of stars without a scale is usually out of five.
        stars = rng.choice((2, 3, 4, 5, 7, 8, 9))
        return _filled(rng.choice(wordings["figures"]), stars, 10, rng), 2 * stars if stars <= 5 else stars
    kind = rng.choice(("lowest", "highest"))
    return rng.choice(wordings[kind]), STARS[0] if kind == "lowest" else STARS[-1]


def _filled(wording: str, value: float, scale: int, rng: random.Random) -> str:
    whole = int(value)
    fills = {
        "n": f"{value:g}",
        "word": NUMBERS[whole] if whole == value and whole <= 10 else f"{value:g}",
        "of": str(scale),
        "ofword": NUMBERS[scale] if scale <= 10 else "a hundred",
        "asterisks": "*" * whole,
        "fullstars": "★" * whole,
        "other": str(rng.choice([other for other in range(1, 11) if other != value])),
    }
    return wording.format(**fills)


def _inserted(text: str, phrase: str, rng: random.Random) -> str:
    """Put a phrase at the end, at the start, or between two sentences."""
    draw = rng.random()
    spans = sentences(text)
    if draw < 0.4 or not spans:
        return f"{text.rstrip()} {phrase}{rng.choice(('', '.', '!'))}"
    offset = 0 if draw < 0.55 else rng.choice(spans)[0]
    return f"{text[:offset]}{phrase}{rng.choice(('.', '.', '!', ' -'))} {text[offset:]}"


def _with_opening(text: str, rng: random.Random) -> str:
    return f"{rng.choice(_openings())}{rng.choice((' ', ' ', '<br /><br />'))}{text}"


def _without_first_words(text: str, rng: random.Random) -> str:
    """Leave out the first sentence or a few words, where enough is left."""
    words = text.split(" ", rng.randint(1, _MOST_DROPPED))
    spans = sentences(text)
    if len(spans) > 3 and rng.random() < 0.3:
        return text[spans[1][0] :]
    return words[-1] if len(words[-1]) > len(text) // 2 else text


def _emoji(mood: str, rng: random.Random) -> str:
    kinds = _emoji_of_moods()
    count = rng.randint(1, _MOST_EMOJI)
    one = rng.choice(kinds[mood])
    chosen = [one] * count if rng.random() < 0.5 else rng.choices(kinds[mood], k=count)
    return rng.choice(("", "", " ")).join(chosen)


def _cased(phrase: str, rng: random.Random) -> str:
    return phrase[:1].upper() + phrase[1:] if rng.random() < 0.5 else phrase


def _mixed(target: Target, prior: Target, weight: float) -> Target:
    return tuple(weight * own + (1 - weight) * usual for own, usual in zip(target, prior, strict=True))


@functools.cache
def _ratings() -> dict[str, list[str]]:
    return read_kinds("ratings")


@functools.cache
def _neutral() -> dict[str, list[str]]:
    return read_kinds("neutral")


@functools.cache
def _emoji_of_moods() -> dict[str, list[str]]:
    return read_kinds("emoji")


@functools.cache
def _openings() -> list[str]:
    return read_lines("openings")

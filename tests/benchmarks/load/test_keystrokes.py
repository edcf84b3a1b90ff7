"""Traces of keys: a pure function of reviews, kind, seed and rhythm."""

import itertools
import math
import statistics
from collections.abc import Iterable
from dataclasses import replace

import pytest

from benchmarks.load.keystrokes import LONG_CHARS, SHORT_CHARS, Key, Kind, Rhythm, trace
from tools.reviews import REVIEWS

PLAIN = Rhythm(typo_share=0, paste_share=0)


def first_keys(kind: Kind = "short", count: int = 2_000, seed: str = "1", rhythm: Rhythm | None = None) -> list[Key]:
    return list(itertools.islice(trace(REVIEWS, kind, seed, rhythm).keys, count))


def gaps(keys: Iterable[Key]) -> list[float]:
    return [after.due_s - before.due_s for before, after in itertools.pairwise(keys)]


@pytest.mark.parametrize("kind", ["short", "long"])
def test_the_same_seed_gives_the_same_keys_and_another_seed_gives_others(kind: Kind) -> None:
    assert first_keys(kind) == first_keys(kind)
    assert first_keys(kind) != first_keys(kind, seed="2")


@pytest.mark.parametrize("kind", ["short", "long"])
def test_due_times_rise_and_their_mean_is_the_one_asked_for(kind: Kind) -> None:
    for rhythm in (Rhythm(), PLAIN, Rhythm(keys_per_s=2)):
        keys = first_keys(kind, 20_000, rhythm=rhythm)
        assert all(gap > 0 for gap in gaps(keys))
        assert len(keys) / keys[-1].due_s == pytest.approx(rhythm.keys_per_s, rel=0.05)


def test_gaps_are_log_normal() -> None:
    logarithms = [math.log(gap) for gap in gaps(first_keys(count=20_000, rhythm=replace(PLAIN, pause_s=0)))]
    assert statistics.stdev(logarithms) == pytest.approx(PLAIN.gap_sigma, rel=0.05)
    assert statistics.mean(logarithms) == pytest.approx(statistics.median(logarithms), abs=0.02)


def test_the_gaps_after_a_sentence_are_longer_by_the_pause() -> None:
    keys = first_keys("long", 20_000, rhythm=PLAIN)
    after_sentence = [
        following.due_s - end.due_s
        for end, following in itertools.pairwise(keys)
        if end.text.endswith((".", "!", "?")) and following.text.endswith((" ", "\n"))
    ]
    within = statistics.mean(gaps(keys))
    assert len(after_sentence) > 50
    assert statistics.mean(after_sentence) - within == pytest.approx(PLAIN.pause_s, rel=0.2)


def test_without_errors_and_pastes_each_key_adds_one_letter_or_begins_a_new_review() -> None:
    for before, after in itertools.pairwise(first_keys(count=5_000, rhythm=PLAIN)):
        assert after.text[:-1] == before.text or len(after.text) == 1


def test_a_wrong_letter_is_taken_back_and_typed_right() -> None:
    keys = first_keys("long", 5_000, rhythm=replace(PLAIN, typo_share=0.1))
    opening = trace(REVIEWS, "long", "1").opening
    taken_back = 0
    for before, wrong, backspace, right in zip(keys, keys[1:], keys[2:], keys[3:], strict=False):
        if len(backspace.text) < len(wrong.text):
            taken_back += 1
            assert backspace.text == before.text
            assert right.text[:-1] == before.text
            assert right.text[-1].lower() != wrong.text[-1]
    assert taken_back == pytest.approx(0.1 * 5_000 / 1.2, rel=0.3)
    assert keys[-1].text.startswith(opening)


def test_now_and_then_several_letters_come_at_once() -> None:
    keys = first_keys("long", 5_000, rhythm=replace(PLAIN, paste_share=0.05))
    pasted = [len(after.text) - len(before.text) for before, after in itertools.pairwise(keys)]
    assert 20 <= max(pasted) <= 120
    assert 0 < sum(letters > 1 for letters in pasted) < 0.05 * len(pasted)


def test_short_texts_stay_short_and_typists_begin_at_different_places() -> None:
    assert max(len(key.text) for key in first_keys(count=10_000)) <= SHORT_CHARS + 1
    openings = [len(trace(REVIEWS, "short", str(seed)).opening) for seed in range(50)]
    assert len(set(openings)) > 20
    assert max(openings) < SHORT_CHARS


def test_long_texts_already_stand_and_only_grow_at_their_end() -> None:
    typist = trace(REVIEWS, "long", "1", PLAIN)
    assert len(typist.opening) == LONG_CHARS
    keys = list(itertools.islice(typist.keys, 3_000))
    assert keys[0].text[:-1] == typist.opening
    assert len(keys[-1].text) == LONG_CHARS + 3_000


@pytest.mark.parametrize("wrong", [{"keys_per_s": 0}, {"gap_sigma": -1}, {"pause_s": -1}, {"typo_share": 2}])
def test_a_rhythm_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be"):
        Rhythm(**wrong)

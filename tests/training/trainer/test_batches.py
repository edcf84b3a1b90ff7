import itertools
from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.factories import make_review
from training.config import FinetuneConfig
from training.data import Review
from training.texts.augment import Example
from training.trainer.batches import EpochPlan, TrainingTexts, collate

REVIEWS = [make_review(number, (1, 10)[number % 2], "x" * (5 + 37 * number % 1500)) for number in range(200)]
"""Lengths of 5 to 1,500 characters, all over the place. No two are alike, so that a length names a review."""


def config(**options: Any) -> FinetuneConfig:
    return FinetuneConfig(**{"batch_size": 8, "prefix_share": 0.5, **options})


def plan(reviews: list[Review] = REVIEWS, epoch: int = 0, first_batch: int = 0, **options: Any) -> list[list[Example]]:
    return list(EpochPlan(TrainingTexts.of(reviews), config(**options), epoch, first_batch))


def lengths(batches: list[list[Example]]) -> list[int]:
    return [len(example.text) for example in itertools.chain(*batches)]


def test_an_epoch_is_the_same_for_the_same_seed_and_number() -> None:
    assert plan(seed=3, epoch=2) == plan(seed=3, epoch=2)


def test_an_epoch_differs_by_seed_and_number() -> None:
    assert plan(seed=3, epoch=2) != plan(seed=3, epoch=1)
    assert plan(seed=3, epoch=2) != plan(seed=2, epoch=2)
    assert plan(seed=1, epoch=12) != plan(seed=11, epoch=2)


@pytest.mark.parametrize("first_batch", [1, 17, 37, 38])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_epoch_is_resumed_exactly_where_it_was_left(first_batch: int, weighted: bool) -> None:
    whole = plan(weighted_sampler=weighted)
    rest = EpochPlan(TrainingTexts.of(REVIEWS), config(weighted_sampler=weighted), epoch=0, first_batch=first_batch)
    assert list(rest) == whole[first_batch:]
    assert len(rest) == len(whole) - first_batch == 38 - first_batch


def test_every_review_is_shown_whole_once_and_prefixes_come_on_top() -> None:
    count = Counter(lengths(plan()))
    assert sum(count.values()) == 300
    assert all(count[len(review.text)] >= 1 for review in REVIEWS)


def test_without_prefixes_an_epoch_is_every_review_once() -> None:
    assert sorted(lengths(plan(prefix_share=0))) == sorted(len(review.text) for review in REVIEWS)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=20), st.integers(1, 200), st.integers(0, 1000))
def test_a_prefix_is_neither_shorter_than_allowed_nor_longer_than_its_review(
    whole: list[int], shortest: int, seed: int
) -> None:
    reviews = [make_review(number, text=chr(97 + number) * length) for number, length in enumerate(whole)]
    for batch in plan(reviews, min_prefix_chars=shortest, prefix_share=3, seed=seed):
        for text, _ in filter(lambda example: example.text, batch):
            length = whole[ord(text[0]) - 97]
            assert min(shortest, length) <= len(text) <= length


def test_short_prefixes_are_as_frequent_as_long_ones() -> None:
    reviews = [make_review(number, text="x" * 1000) for number in range(500)]
    prefixes = [chars for chars in lengths(plan(reviews, min_prefix_chars=10, prefix_share=2)) if chars < 1000]
    assert sum(chars < 100 for chars in prefixes) / len(prefixes) == pytest.approx(0.5, abs=0.06)


def test_like_lengths_share_a_batch() -> None:
    batches = plan()
    shown = sum(lengths(batches))
    padded = sum(len(batch) * max(lengths([batch])) for batch in batches)
    assert padded < 1.1 * shown


def test_batches_are_not_in_the_order_of_their_lengths() -> None:
    longest = [max(lengths([batch])) for batch in plan()]
    assert longest not in (sorted(longest), sorted(longest, reverse=True))


def test_batches_are_full_but_for_the_last_one() -> None:
    sizes = Counter(map(len, plan()))
    assert sizes == {8: 37, 4: 1}


@pytest.mark.parametrize(("weighted", "expected"), [(False, 0.05), (True, 0.5)])
def test_the_weighted_sampler_evens_the_classes(weighted: bool, expected: float) -> None:
    reviews = [make_review(number, 1 if number % 20 == 0 else 10) for number in range(2000)]
    shown = list(itertools.chain(*plan(reviews, weighted_sampler=weighted, prefix_share=1)))
    rare = sum(example.target[0] for example in shown) / len(shown)
    assert len(shown) == 4000
    assert rare == pytest.approx(expected, abs=0.04)


def with_more(count: int, parts: int = 0) -> TrainingTexts:
    """The reviews, and texts that only teachers have rated."""
    rated = TrainingTexts.of(REVIEWS)
    targets = torch.cat([rated.targets, torch.full((count, 8), 0.125)])
    return TrainingTexts(
        [*rated.texts, *(f"{number:04}" * 100 for number in range(count))], targets, rated.labels, parts
    )


def test_texts_with_soft_labels_join_an_epoch_by_their_share_and_change_from_epoch_to_epoch() -> None:
    soft = with_more(400)
    plans = [EpochPlan(soft, config(soft_share=0.5, prefix_share=0), epoch) for epoch in (0, 1)]
    epochs = [{example for batch in each for example in batch} for each in plans]
    for drawn in epochs:
        assert sum(example.text.startswith("x") for example in drawn) == 200
        assert len(drawn) == 300
    assert epochs[0] != epochs[1]


def test_beginnings_are_cut_only_from_whole_reviews() -> None:
    shown = itertools.chain(*EpochPlan(with_more(400, parts=300), config(soft_share=2, prefix_share=1), epoch=0))
    cut = [example.text for example in shown if example.text[0] != "x" and len(example.text) < 400]
    assert cut
    assert max(cut) < "0100"


def test_a_beginning_has_the_class_of_its_review() -> None:
    reviews = [make_review(stars=1, text="bad " * 9), make_review(stars=9, text="good " * 9)]
    for text, target in itertools.chain(*plan(reviews, prefix_share=5)):
        assert target.index(1.0) == (0 if text.startswith("bad") else 6)
        assert sum(target) == 1


def test_a_batch_is_padded_and_its_lengths_are_known() -> None:
    worst, best = (1.0, *[0.0] * 7), (*[0.0] * 7, 1.0)
    ids, lengths, batch_targets = collate([((2, 5, 3), best), ((2, 5, 6, 7, 3), worst)], pad_id=9)
    assert ids.tolist() == [[2, 5, 3, 9, 9, 9, 9, 9], [2, 5, 6, 7, 3, 9, 9, 9]]
    assert lengths.tolist() == [3, 5]
    assert batch_targets.tolist() == [[*best], [*worst]]
    assert {ids.dtype, lengths.dtype} == {torch.int64}


@pytest.mark.parametrize(("tokens", "width"), [(1, 8), (8, 8), (9, 16), (512, 512)])
def test_widths_are_multiples_of_eight(tokens: int, width: int) -> None:
    assert collate([(tuple(range(tokens)), (1.0, *[0.0] * 7))], pad_id=0)[0].shape == (1, width)

"""What a step of fine-tuning sees: whole reviews and random beginnings of them, in batches of like length."""

import math
import random
from collections.abc import Iterator, Sequence

import torch
from torch.utils.data import Dataset, Sampler

from model_core.tokenizer import TextTokenizer
from training.config import FinetuneConfig
from training.data import Review

Draw = tuple[int, int]
"""A review's index, and how many of its characters are shown."""

_POOL_BATCHES = 64
_PAD_TO = 8


class ReviewDataset(Dataset[tuple[tuple[int, ...], int]]):
    """Token ids and class of (review, number of characters): half-typed words included, as on the page."""

    def __init__(self, reviews: Sequence[Review], tokenizer: TextTokenizer) -> None:
        self.reviews = reviews
        self._tokenizer = tokenizer

    def __len__(self) -> int:
        return len(self.reviews)

    def __getitem__(self, draw: Draw) -> tuple[tuple[int, ...], int]:
        index, chars = draw
        review = self.reviews[index]
        return self._tokenizer.encode(review.text[:chars]).input_ids, review.label


class EpochPlan(Sampler[list[Draw]]):
    """The batches of one epoch, the same for the same (seed, epoch), from ``first_batch`` on.

    Like lengths share a batch, for padding costs as much as text: the draws are shuffled, sorted within pools of
    some dozen batches, and the batches shuffled again.
    """

    def __init__(self, reviews: Sequence[Review], config: FinetuneConfig, epoch: int, first_batch: int = 0) -> None:
        rng = random.Random(f"{config.seed} {epoch}")
        lengths = [len(review.text) for review in reviews]
        order = list(range(len(reviews)))
        if config.weighted_sampler:
            counts = torch.bincount(torch.tensor([review.label for review in reviews])).tolist()
            order = rng.choices(order, weights=[1 / counts[review.label] for review in reviews], k=len(order))
        draws = [(index, lengths[index]) for index in order]
        draws += [
            (index, _prefix_chars(rng, config.min_prefix_chars, lengths[index]))
            for index in rng.choices(order, k=round(config.prefix_share * len(order)))
        ]
        rng.shuffle(draws)
        pool = config.batch_size * _POOL_BATCHES
        batches = []
        for start in range(0, len(draws), pool):
            alike = sorted(draws[start : start + pool], key=lambda draw: draw[1])
            batches += [alike[at : at + config.batch_size] for at in range(0, len(alike), config.batch_size)]
        rng.shuffle(batches)
        self._batches = batches[first_batch:]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self._batches)


def _prefix_chars(rng: random.Random, shortest: int, whole: int) -> int:
    """A log-uniform length: as many draws between 10 and 100 characters as between 100 and 1,000."""
    if whole <= shortest:
        return whole
    return round(math.exp(rng.uniform(math.log(shortest), math.log(whole))))


def collate(
    items: Sequence[tuple[tuple[int, ...], int]], pad_id: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pad to ids [batch, tokens], mask [batch, tokens] and labels [batch], all int64."""
    width = math.ceil(max(len(ids) for ids, _ in items) / _PAD_TO) * _PAD_TO
    ids = torch.full((len(items), width), pad_id)
    mask = torch.zeros((len(items), width), dtype=torch.long)
    for row, (tokens, _) in enumerate(items):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids, mask, torch.tensor([label for _, label in items])

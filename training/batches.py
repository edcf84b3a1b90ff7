"""The batches of fine-tuning: whole reviews and random beginnings of them, in batches of similar length."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset, Sampler

from model_core.attention import pad
from model_core.labels import NUM_LABELS
from model_core.tokenizer import TextTokenizer
from training.config import FinetuneConfig
from training.data import Review

Draw = tuple[int, int]
"""A text's index, and the number of its first characters to use."""

AnyDraw = TypeVar("AnyDraw")

_POOL_BATCHES = 64
_PAD_TO = 8


@dataclass(frozen=True)
class TrainingTexts:
    """Texts and their targets [texts, 8]: first the rated reviews, then texts rated only by teachers."""

    texts: Sequence[str]
    targets: Tensor
    rated: int
    parts: int = 0
    """Number of texts at the end that are not whole reviews. No random beginnings are cut from them."""

    @classmethod
    def of(cls, reviews: Sequence[Review]) -> "TrainingTexts":
        """Return the texts of rated reviews, with one-hot targets."""
        ratings = torch.tensor([review.label for review in reviews], dtype=torch.long)
        return cls([review.text for review in reviews], functional.one_hot(ratings, NUM_LABELS).float(), len(reviews))


class DrawnTexts(Dataset[tuple[tuple[int, ...], Tensor]]):
    """Token ids and target [8] of (text, number of characters). A text may end within a word, as while typing."""

    def __init__(self, data: TrainingTexts, tokenizer: TextTokenizer) -> None:
        self._data = data
        self._tokenizer = tokenizer

    def __len__(self) -> int:
        return len(self._data.texts)

    def __getitem__(self, draw: Draw) -> tuple[tuple[int, ...], Tensor]:
        index, chars = draw
        return self._tokenizer.encode(self._data.texts[index][:chars]).input_ids, self._data.targets[index]


class EpochPlan(Sampler[list[Draw]]):
    """The batches of one epoch from ``first_batch`` on; deterministic in (seed, epoch).

    A batch has texts of similar length, since padding costs as much as text: the draws are shuffled, sorted by length
    within pools of some dozen batches, and the batches are shuffled again.
    """

    def __init__(self, data: TrainingTexts, config: FinetuneConfig, epoch: int, first_batch: int = 0) -> None:
        rng = random.Random(f"{config.seed} {epoch}")
        lengths = [len(text) for text in data.texts]
        order = list(range(data.rated))
        if config.weighted_sampler:
            ratings = data.targets[: data.rated].argmax(1)
            weights = (1 / torch.bincount(ratings))[ratings].tolist()
            order = rng.choices(order, weights=weights, k=len(order))
        soft = range(data.rated, len(lengths))
        order += rng.sample(soft, min(len(soft), round(config.soft_share * data.rated)))
        draws = [(index, lengths[index]) for index in order]
        whole = [index for index in order if index < len(lengths) - data.parts]
        draws += [
            (index, prefix_chars(rng, config.min_prefix_chars, lengths[index]))
            for index in rng.choices(whole, k=round(config.prefix_share * len(whole)))
        ]
        self._batches = batches_alike(draws, lambda draw: draw[1], config.batch_size, rng)[first_batch:]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Draw]]:
        return iter(self._batches)


def batches_alike(
    draws: Sequence[AnyDraw], length: Callable[[AnyDraw], int], batch_size: int, rng: random.Random
) -> list[list[AnyDraw]]:
    """Shuffle, sort by length within pools of some dozen batches, and shuffle the batches."""
    shuffled = list(draws)
    rng.shuffle(shuffled)
    pool = batch_size * _POOL_BATCHES
    batches = []
    for start in range(0, len(shuffled), pool):
        alike = sorted(shuffled[start : start + pool], key=length)
        batches += [alike[at : at + batch_size] for at in range(0, len(alike), batch_size)]
    rng.shuffle(batches)
    return batches


def prefix_chars(rng: random.Random, shortest: int, whole: int) -> int:
    """Draw a log-uniform length: as often between 10 and 100 characters as between 100 and 1,000."""
    if whole <= shortest:
        return whole
    return round(math.exp(rng.uniform(math.log(shortest), math.log(whole))))


def collate(items: Sequence[tuple[tuple[int, ...], Tensor]], pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pad to ids [batch, tokens] and lengths [batch], both int64, and stack the targets [batch, 8]."""
    ids, lengths = pad([ids for ids, _ in items], pad_id, _PAD_TO)
    return ids, lengths, torch.stack([target for _, target in items])

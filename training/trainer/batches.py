"""The batches of fine-tuning: whole reviews and random beginnings of them, in batches of similar length."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from model_core.backends.attention import pad
from model_core.labels import FILM_RATINGS, LabelSet
from training.config import FinetuneConfig
from training.data import Review, labels_of
from training.texts.augment import Example, Target, changed, made

AnyDraw = TypeVar("AnyDraw")

_POOL_BATCHES = 64
_PAD_TO = 8


@dataclass(frozen=True)
class TrainingTexts:
    """Texts and their targets [texts, labels]: first the rated reviews, then texts rated only by teachers."""

    texts: Sequence[str]
    targets: Tensor
    labels: Sequence[int]
    """Class of each rated review."""
    parts: int = 0
    """Number of texts at the end that are not whole reviews. No random beginnings are cut from them."""
    label_set: LabelSet = FILM_RATINGS

    @classmethod
    def of(cls, reviews: Sequence[Review]) -> "TrainingTexts":
        """Return the texts of rated reviews, with one-hot targets."""
        labels = [review.label for review in reviews]
        label_set = labels_of(reviews)
        targets = functional.one_hot(torch.tensor(labels, dtype=torch.long), len(label_set)).float()
        return cls([review.text for review in reviews], targets, labels, label_set=label_set)

    @property
    def rated(self) -> int:
        """Number of rated reviews."""
        return len(self.labels)

    @property
    def prior(self) -> Target:
        """Mean target of the rated reviews."""
        return tuple(self.targets[: self.rated].mean(0, dtype=torch.float64).tolist())


class EpochPlan:
    """The batches of one epoch from ``first_batch`` on; deterministic in (seed, epoch).

    A batch has texts of similar length, since padding costs as much as text: the texts are shuffled, sorted by length
    within pools of some dozen batches, and the batches are shuffled again.
    """

    def __init__(self, data: TrainingTexts, config: FinetuneConfig, epoch: int, first_batch: int = 0) -> None:
        rng = random.Random(f"{config.seed} {epoch}")
        lengths = [len(text) for text in data.texts]
        order = list(range(data.rated))
        if config.weighted_sampler:
            share = 1 / torch.bincount(torch.tensor(data.labels))
            order = rng.choices(order, weights=share[list(data.labels)].tolist(), k=len(order))
        soft = range(data.rated, len(lengths))
        order += rng.sample(soft, min(len(soft), round(config.soft_share * data.rated)))
        draws = [(index, lengths[index]) for index in order]
        whole = [index for index in order if index < len(lengths) - data.parts]
        draws += [
            (index, prefix_chars(rng, config.min_prefix_chars, lengths[index]))
            for index in rng.choices(whole, k=round(config.prefix_share * len(whole)))
        ]
        targets = [tuple(row) for row in data.targets.tolist()]
        # Numbers of their own, so that without changes the order of the texts is that of earlier versions.
        changes = random.Random(f"{config.seed} {epoch} changes")
        examples = []
        for index, chars in draws:
            label = data.labels[index] if index < data.rated else None
            examples.append(changed(Example(data.texts[index][:chars], targets[index]), label, changes, config))
        rated = [Example(text, target) for text, target in zip(data.texts, targets[: data.rated], strict=False)]
        examples += made(rated, data.prior, changes, config)
        self._batches = batches_alike(examples, lambda example: len(example.text), config.batch_size, rng)[first_batch:]

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[list[Example]]:
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


def collate(items: Sequence[tuple[tuple[int, ...], Target]], pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pad to ids [batch, tokens] and lengths [batch], both int64, and the targets [batch, labels]."""
    ids, lengths = pad([ids for ids, _ in items], pad_id, _PAD_TO)
    return ids, lengths, torch.tensor([target for _, target in items])

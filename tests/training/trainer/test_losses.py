import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from training.trainer.losses import beginnings_loss, rating_loss, td_targets

EYE = torch.eye(8)


def reads_of(*rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    width = max(map(len, rows))
    reads = torch.tensor([row + [row[-1]] * (width - len(row)) for row in rows])
    counted = torch.tensor([[place < len(row) for place in range(width)] for row in rows])
    return reads, counted


def test_without_a_lookahead_every_beginning_has_the_target_of_the_text() -> None:
    reads, counted = reads_of([3, 9], [4])
    targets = td_targets(torch.randn(2, 2, 8), reads, counted, EYE[[1, 5]], 0)
    assert targets.tolist() == [[EYE[1].tolist()] * 2, [EYE[5].tolist()] * 2]


def test_the_target_of_a_beginning_mixes_the_next_target_with_the_next_prediction() -> None:
    """By hand, for three reads: z_3 = y, z_2 = w y + (1 - w) p_3, z_1 = v z_2 + (1 - v) p_2."""
    reads, counted = reads_of([2, 5, 9])
    logits = torch.randn(1, 3, 8)
    _, second, third = logits[0].softmax(-1)
    w, v = 0.9**4, 0.9**3
    last = EYE[2]
    middle = w * last + (1 - w) * third
    first = v * middle + (1 - v) * second
    targets = td_targets(logits, reads, counted, EYE[[2]], lookahead_tokens=10)
    torch.testing.assert_close(targets[0], torch.stack([first, middle, last]))


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.floats(1.5, 500), st.integers(0, 1000))
def test_targets_are_distributions_and_end_with_the_rating(counts: list[int], lookahead: float, seed: int) -> None:
    torch.manual_seed(seed)
    reads, counted = reads_of(*(torch.randint(1, 9, (count,)).cumsum(0).tolist() for count in counts))
    targets = td_targets(torch.randn(*reads.shape, 8), reads, counted, EYE[: len(counts)], lookahead)
    torch.testing.assert_close(targets.sum(-1), torch.ones(reads.shape))
    for row, count in enumerate(counts):
        assert targets[row, count - 1].tolist() == EYE[row].tolist()


def test_targets_carry_no_gradient() -> None:
    reads, counted = reads_of([2, 5])
    logits = torch.randn(1, 2, 8, requires_grad=True)
    assert not td_targets(logits, reads, counted, EYE[[2]], 10).requires_grad


def test_without_the_ordinal_term_the_loss_is_cross_entropy() -> None:
    logits = torch.randn(5, 8)
    wanted = functional.cross_entropy(logits, torch.arange(5), reduction="none")
    torch.testing.assert_close(rating_loss(logits, EYE[:5], 0), wanted)


def test_the_ordinal_term_penalises_distant_ratings_more() -> None:
    near, far = torch.zeros(8), torch.zeros(8)
    near[1] = far[7] = 3
    plain = [rating_loss(logits, EYE[0], 0).item() for logits in (near, far)]
    ordinal = [rating_loss(logits, EYE[0], 0.5).item() for logits in (near, far)]
    assert plain[0] == pytest.approx(plain[1])
    assert ordinal[0] < ordinal[1]


def test_the_ordinal_term_stays_finite_where_the_model_is_sure_and_wrong() -> None:
    assert math.isfinite(rating_loss(100 * EYE[7], EYE[0], 1).item())


def test_the_last_read_weighs_against_the_mean_of_the_earlier_ones() -> None:
    _, counted = reads_of([1, 2, 3], [4])
    losses = torch.tensor([[1.0, 3.0, 10.0], [8.0, 99.0, 99.0]])
    assert beginnings_loss(losses, counted, 0.25).item() == pytest.approx((0.75 * 10 + 0.25 * 2 + 8) / 2)
    assert beginnings_loss(losses, counted, 0).item() == pytest.approx((10 + 8) / 2)

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model_core.backends.attention import even_blocks, pad, random_blocks, rate, rate_at
from tests.factories import tiny_model
from tests.tiny import tiny_config

CAUSAL = tiny_config(attention="block-causal", block=4)


def logits(*texts: list[int], block: int = 4, seed: int = 0) -> torch.Tensor:
    config = tiny_config(attention="block-causal", block=block)
    with torch.inference_mode():
        return rate(tiny_model(seed), texts, pad_id=0, config=config)


def test_texts_are_padded_to_a_multiple() -> None:
    ids, lengths = pad([[5, 6, 7], [8]], pad_id=1, multiple=4)
    assert ids.tolist() == [[5, 6, 7, 1], [8, 1, 1, 1]]
    assert lengths.tolist() == [3, 1]


def test_even_blocks_count_from_the_start_and_leave_padding_to_the_last() -> None:
    assert even_blocks(torch.tensor([5, 3]), 6, block=2).tolist() == [[0, 0, 1, 1, 2, 6], [0, 0, 1, 6, 6, 6]]


@settings(max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(1, 12), st.integers(0, 1000))
def test_random_blocks_cover_each_text_and_are_read_at_their_ends(lengths: list[int], longest: int, seed: int) -> None:
    torch.manual_seed(seed)
    width = max(lengths) + 3
    blocks, reads, counted = random_blocks(torch.tensor(lengths), width, longest)
    for row, length in enumerate(lengths):
        numbers = blocks[row, :length].tolist()
        ends = [place for place in range(length) if place == length - 1 or numbers[place + 1] != numbers[place]]
        assert reads[row][counted[row]].tolist() == ends
        assert numbers == sorted(numbers)
        assert max(numbers.count(number) for number in numbers) <= longest
        assert blocks[row, length:].tolist() == [width] * (width - length)


def test_logits_of_a_finished_block_do_not_change_while_the_text_grows() -> None:
    text = torch.randint(5, 40, (1, 14))
    blocks = even_blocks(torch.tensor([14]), 14, block=4)
    with torch.inference_mode():
        model = tiny_model()
        whole = rate_at(model, text, blocks, torch.tensor([[3, 7, 11, 13]]))[0]
        for read, end in zip(whole, (4, 8, 12, 14), strict=True):
            alone = rate_at(model, text[:, :end], blocks[:, :end], torch.tensor([[end - 1]]))[0, 0]
            torch.testing.assert_close(read, alone, atol=1e-5, rtol=0)


def test_a_token_sees_the_later_ones_of_its_own_block_and_of_no_other() -> None:
    text = [7, 8, 9, 10, 11, 12]
    model = tiny_model()
    blocks = even_blocks(torch.tensor([6]), 6, block=3)

    def read_first(ids: list[int]) -> torch.Tensor:
        with torch.inference_mode():
            return rate_at(model, torch.tensor([ids]), blocks, torch.tensor([[0]]))[0, 0]

    before = read_first(text)
    assert not torch.allclose(before, read_first([7, 8, 20, *text[3:]]), atol=1e-4)
    torch.testing.assert_close(before, read_first([*text[:3], 20, 21, 22]), atol=0, rtol=0)


@pytest.mark.parametrize("attention", ["full", "block-causal"])
def test_a_text_is_rated_the_same_alone_and_beside_a_longer_one(attention: str) -> None:
    config = tiny_config(attention=attention, block=4)
    short, long = [2, 7, 9], list(range(2, 30))
    with torch.inference_mode():
        together = rate(tiny_model(), [short, long], pad_id=0, config=config)
        alone = torch.cat([rate(tiny_model(), [text], pad_id=0, config=config) for text in (short, long)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_the_block_matters() -> None:
    text = list(range(2, 30))
    assert not torch.allclose(logits(text, block=4), logits(text, block=8), atol=1e-4)

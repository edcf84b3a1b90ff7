from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer, models

from tests.factories import dataset_files, write_archive
from tests.tiny import tiny_tokenizer
from training.config import ConfigError
from training.data import DataError, in_validation, load_split
from training.experiments import pack as module
from training.experiments.pack import (
    PackedTexts,
    SequencePlan,
    corrupt,
    main,
    mask_tokens,
    pack,
    read_packed,
    read_texts,
    special_ids,
    write_packed,
)
from training.experiments.pretrain_config import PretrainConfig

IDS = special_ids(tiny_tokenizer())
TEXTS = ("a good film", "the plot was awful", "a great movie")
SPECIAL = torch.zeros(tiny_tokenizer().get_vocab_size(), dtype=torch.bool).index_fill(
    0, torch.tensor(list(IDS.values())), True
)


def words(packed: PackedTexts) -> list[str]:
    starts = [0, *packed.ends[:-1]]
    return [
        " ".join(packed.tokenizer.id_to_token(token) or "" for token in packed.tokens[start:end].tolist())
        for start, end in zip(starts, packed.ends, strict=True)
    ]


# Packing


def test_documents_follow_each_other_between_cls_and_sep() -> None:
    packed = pack(TEXTS, tiny_tokenizer())
    assert words(packed) == [f"[CLS] {text} [SEP]" for text in TEXTS]
    assert packed.tokens.dtype == np.uint16
    assert packed.ends.tolist() == [5, 11, 16]


def test_texts_are_cleaned_and_never_cut_and_empty_ones_left_out() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=8)
    packed = pack(["Good<br />film", " ", "", "bad " * 300], tokenizer)
    assert words(packed) == ["[CLS] good film [SEP]", "[CLS] " + "bad " * 300 + "[SEP]"]


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "packed.safetensors"
    packed = pack(TEXTS, tiny_tokenizer())
    write_packed(path, packed, seed=7)
    read = read_packed(path)
    assert words(read) == words(packed)
    assert read.tokenizer.get_vocab() == tiny_tokenizer().get_vocab()
    assert read.described() == packed.described()
    with safe_open(path, "np") as file:
        metadata = file.metadata()
    assert (metadata["documents"], metadata["tokens"], metadata["seed"]) == ("3", "16", "7")


def test_the_first_documents_are_whole() -> None:
    packed = pack(TEXTS, tiny_tokenizer())
    assert words(packed.first(2)) == words(packed)[:2]
    assert words(packed.first(99)) == words(packed)


def test_the_hash_tells_texts_and_order_apart() -> None:
    hashes = {pack(texts, tiny_tokenizer()).described()["sha256"] for texts in (TEXTS, TEXTS[::-1], TEXTS[:2])}
    assert len(hashes) == 3


def test_a_file_of_something_else_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "packed.safetensors"
    with pytest.raises(DataError, match="is not a file of"):
        read_packed(path)
    path.write_bytes(b"damaged")
    with pytest.raises(DataError, match="is not a file of"):
        read_packed(path)
    write_packed(path, pack(TEXTS, tiny_tokenizer()))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        read_packed(path)


def test_a_vocabulary_that_will_not_do_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no \[MASK\]"):
        pack(TEXTS, Tokenizer(models.WordPiece({"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3}, unk_token="[UNK]")))
    monkeypatch.setattr(module, "_MOST_PIECES", 50)
    with pytest.raises(DataError, match="two bytes can hold 50"):
        pack(TEXTS, tiny_tokenizer())


def test_texts_without_any_token_are_refused() -> None:
    with pytest.raises(DataError, match="no text"):
        pack([""], tiny_tokenizer())


# Which texts


def test_neither_the_test_part_nor_a_validation_film_is_read(tmp_path: Path) -> None:
    files = dataset_files()
    files = {name: f"of {name}" if "/test/" in name and "_" in name else text for name, text in files.items()}
    files |= {name: dataset_files()[name] for name in files if "urls_" in name}
    archive = write_archive(tmp_path / "aclImdb.tar.gz", files)
    texts = read_texts(archive, 0.3, seed=1)
    reviews = load_split(archive, "train", 0.0)
    train = [review.text for review in reviews if not in_validation(review.group, 0.3)]
    assert 0 < len(train) < len(reviews)
    assert sorted(texts) == sorted([*train, "Not labelled."])


def test_the_order_depends_on_the_seed_alone(archive: Path) -> None:
    first, again, other = (read_texts(archive, 0.08, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert sorted(first) == sorted(other)


def test_the_command_packs_by_the_vocabulary_of_a_checkpoint(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "packed.safetensors"
    assert main(["--data", str(archive), "--output", str(output), "--init", str(initial), "--limit", "20"]) == 0
    packed = read_packed(output)
    assert len(packed.ends) == 20
    assert packed.tokenizer.get_vocab() == tiny_tokenizer().get_vocab()
    assert f"20 documents, {len(packed.tokens)} tokens" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "/nowhere/aclImdb.tar.gz"], "cannot read /nowhere"),
        (["--init", "/nowhere/electra"], "no ELECTRA checkpoint"),
        (["--limit", "-1"], "--limit"),
        (["--validation-share", "2"], "--validation-share"),
    ],
    ids=["data", "init", "limit", "share"],
)
def test_an_error_is_one_line_and_a_status(
    archive: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    defaults = ["--data", str(archive), "--init", str(initial), "--output", str(tmp_path / "packed.safetensors")]
    assert main([*defaults, *arguments]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line


# Sequences


def numbered(tokens: int) -> PackedTexts:
    """A stream in which each token names its position."""
    return PackedTexts(np.arange(tokens, dtype=np.uint16), np.array([tokens]), tiny_tokenizer())


def plan(packed: PackedTexts, **options: Any) -> SequencePlan:
    return SequencePlan(packed, PretrainConfig(**{"sequence_tokens": 8, "batch_size": 3, **options}))


def test_a_sequence_is_a_stretch_of_the_texts_behind_cls() -> None:
    ids = plan(numbered(100)).ids(0)
    assert ids.shape == (3, 8)
    assert ids.dtype == torch.int64
    assert (ids[:, 0] == IDS["[CLS]"]).all()
    assert (ids[:, 2:] - ids[:, 1:-1] == 1).all()


def test_an_epoch_reads_each_sequence_once_and_the_next_in_another_order_and_cut() -> None:
    sequences = plan(numbered(104))  # 12 sequences, 4 steps
    epochs = [torch.cat([sequences.ids(step) for step in range(first, first + 4)])[:, 1].tolist() for first in (0, 4)]
    for starts in epochs:
        assert len(set(starts)) == 12
        assert {start % 8 for start in starts} == {starts[0] % 8}
    assert epochs[0] != epochs[1]


def test_a_step_has_the_same_sequences_whatever_was_asked_for_before() -> None:
    there_and_back = plan(numbered(1000))
    for step in (0, 70, 3, 70):
        assert torch.equal(there_and_back.ids(step), plan(numbered(1000)).ids(step))
    assert not torch.equal(plan(numbered(1000), seed=2).ids(3), plan(numbered(1000)).ids(3))


def test_too_few_tokens_for_a_batch_are_refused() -> None:
    with pytest.raises(ConfigError, match="31 tokens are too few for a batch of 3 x 8"):
        plan(numbered(31))
    assert plan(numbered(32)).ids(0).shape == (3, 8)


# Masking


def random_ids(sequences: int, tokens: int) -> torch.Tensor:
    torch.manual_seed(3)
    return torch.randint(0, len(SPECIAL), (sequences, tokens))


def test_special_tokens_are_never_masked() -> None:
    ids = random_ids(50, 128)
    assert SPECIAL[ids].sum() > 100
    batch = mask_tokens(ids, SPECIAL, IDS["[MASK]"], PretrainConfig(mask_share=0.5, kept_share=0.0))
    assert batch.counted.all()
    assert not SPECIAL[ids.gather(1, batch.chosen)].any()
    changed = batch.shown != ids
    assert not SPECIAL[ids[changed]].any()
    assert (batch.shown[changed] == IDS["[MASK]"]).all()
    assert changed.sum() == batch.chosen.numel()


def test_the_shares_of_chosen_and_of_masked_tokens_are_as_asked() -> None:
    ids = random_ids(200, 128).masked_fill(SPECIAL[random_ids(200, 128)], 10)
    batch = mask_tokens(ids, SPECIAL, IDS["[MASK]"], PretrainConfig(mask_share=0.15, kept_share=0.15))
    assert batch.chosen.shape == (200, 19)
    assert all(len(set(row)) == 19 for row in batch.chosen.tolist())
    masked = (batch.shown == IDS["[MASK]"]).sum() / batch.chosen.numel()
    assert masked.item() == pytest.approx(0.85, abs=0.02)
    # Any place is as likely as any other.
    assert torch.bincount(batch.chosen.flatten(), minlength=128).float().std() < 10


def test_a_sequence_with_too_few_words_has_choices_that_do_not_count() -> None:
    ids = torch.full((2, 20), IDS["[SEP]"])
    ids[0, 4] = 10
    batch = mask_tokens(ids, SPECIAL, IDS["[MASK]"], PretrainConfig(kept_share=0.0))
    assert batch.counted.sum(1).tolist() == [1, 0]
    assert batch.chosen[batch.counted].tolist() == [4]
    assert (batch.shown != ids).nonzero().tolist() == [[0, 4]]


def test_a_sample_equal_to_the_original_counts_as_original() -> None:
    ids = random_ids(4, 40).masked_fill(SPECIAL[random_ids(4, 40)], 10)
    batch = mask_tokens(ids, SPECIAL, IDS["[MASK]"], PretrainConfig())
    sampled = ids.gather(1, batch.chosen)
    corrupted, replaced = corrupt(batch, sampled)
    assert torch.equal(corrupted, ids)
    assert not replaced.any()
    sampled[:, 0] = 11 + (sampled[:, 0] == 11).long()
    corrupted, replaced = corrupt(batch, sampled)
    assert torch.equal(replaced, corrupted != ids)
    assert replaced.sum(1).tolist() == [1, 1, 1, 1]
    assert torch.equal(replaced.nonzero()[:, 1], batch.chosen[:, 0])


def test_a_choice_that_does_not_count_is_never_replaced() -> None:
    ids = torch.full((1, 20), IDS["[SEP]"])
    batch = mask_tokens(ids, SPECIAL, IDS["[MASK]"], PretrainConfig())
    corrupted, replaced = corrupt(batch, torch.full_like(batch.chosen, 11))
    assert torch.equal(corrupted, ids)
    assert not replaced.any()

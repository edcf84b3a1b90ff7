"""Pack the reviews for pre-training, rated and unrated, into one file of token ids; draw masked sequences from it.

``python -m training.experiments.pack --data ARCHIVE --output runs/packed.safetensors``. Films of the
validation split are left out, and the official test part is not read. The file takes two bytes per token.
"""

import argparse
import hashlib
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from torch import Tensor
from tqdm import tqdm

from model_core.errors import one_line
from model_core.plurals import counted
from model_core.text import clean_text
from training.config import ConfigError
from training.data import DataError, add_data_argument, add_validation_argument, load_split, read_unlabelled
from training.errors import TrainingError
from training.experiments.pretrain_config import PretrainConfig
from training.models.initial import WARM_START, load_initial

SPECIAL: Final = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")

_CHUNK: Final = 1000
_MOST_PIECES: Final = 2**16


@dataclass(frozen=True)
class PackedTexts:
    """Concatenated documents, each ``[CLS] … [SEP]``, and their tokenizer."""

    tokens: NDArray[np.uint16]
    """Token ids of all documents [tokens]."""
    ends: NDArray[np.int64]
    """Where each document ends in ``tokens`` [documents]."""
    tokenizer: Tokenizer

    def first(self, documents: int) -> "PackedTexts":
        """Return the first ``documents`` documents; all of them if there are fewer."""
        ends = self.ends[:documents]
        return PackedTexts(self.tokens[: ends[-1]], ends, self.tokenizer)

    def described(self) -> dict[str, object]:
        """Return counts, and a hex SHA-256 of the texts, their order, and their tokenization."""
        digest = hashlib.sha256(self.tokens.tobytes() + self.ends.tobytes()).hexdigest()
        return {"documents": len(self.ends), "tokens": len(self.tokens), "sha256": digest}


def special_ids(tokenizer: Tokenizer) -> dict[str, int]:
    """Ids of the special tokens by name. Raises DataError."""
    ids = {name: token_id for name in SPECIAL if (token_id := tokenizer.token_to_id(name)) is not None}
    if missing := [name for name in SPECIAL if name not in ids]:
        raise DataError(f"the vocabulary has no {', '.join(missing)}: an ELECTRA or BERT tokenizer.json is needed")
    return ids


def pack(texts: Sequence[str], tokenizer: Tokenizer) -> PackedTexts:
    """Clean and encode texts in their order; those without any token are left out. Raises DataError."""
    ids = special_ids(tokenizer)
    if tokenizer.get_vocab_size() > _MOST_PIECES:
        raise DataError(f"the vocabulary has {tokenizer.get_vocab_size()} pieces; two bytes can hold {_MOST_PIECES}")
    tokenizer.no_truncation()
    tokenizer.no_padding()
    documents: list[NDArray[np.uint16]] = []
    with tqdm(total=len(texts), desc="pack", unit="text") as bar:
        for start in range(0, len(texts), _CHUNK):
            cleaned = [clean_text(text) for text in texts[start : start + _CHUNK]]
            encoded = tokenizer.encode_batch_fast(cleaned, add_special_tokens=False)
            documents += [
                np.array([ids["[CLS]"], *document.ids, ids["[SEP]"]], dtype=np.uint16)
                for document in encoded
                if document.ids
            ]
            bar.update(len(cleaned))
    if not documents:
        raise DataError("there is no text to pack")
    ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    return PackedTexts(np.concatenate(documents), ends, tokenizer)


def write_packed(path: Path, packed: PackedTexts, **made_from: object) -> None:
    """Write one safetensors file: ``tokens``, ``ends``, and as metadata ``tokenizer.json``, counts and origin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {name: str(value) for name, value in {**packed.described(), **made_from}.items()}
    metadata["tokenizer"] = packed.tokenizer.to_str()
    partial = path.with_name(path.name + ".part")
    save_file({"tokens": packed.tokens, "ends": packed.ends}, partial, metadata=metadata)
    partial.replace(path)


def read_packed(path: Path) -> PackedTexts:
    """Read a file of ``write_packed``. Raises DataError."""
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            tokenizer = Tokenizer.from_str(metadata["tokenizer"])
            packed = PackedTexts(file.get_tensor("tokens"), file.get_tensor("ends"), tokenizer)
            written = metadata["sha256"]
    except (OSError, SafetensorError, KeyError) as error:
        raise DataError(f"{path} is not a file of training.experiments.pack: {one_line(error)}") from error
    if packed.described()["sha256"] != written:
        raise DataError(f"{path} is damaged: create it again with training.experiments.pack")
    return packed


def read_texts(path: Path, validation_share: float, seed: int) -> list[str]:
    """Return texts of the official training part without validation films, shuffled by ``seed``. Raises DataError."""
    texts = [review.text for review in load_split(path, "train", validation_share)]
    texts += read_unlabelled(path)
    random.Random(seed).shuffle(texts)
    return texts


class SequencePlan:
    """The sequences of each step; deterministic in (seed, step). Each epoch has its own order and shift of the cuts."""

    def __init__(self, packed: PackedTexts, config: PretrainConfig) -> None:
        self._tokens = packed.tokens
        self._width, self._batch, self._seed = config.sequence_tokens, config.batch_size, config.seed
        # One sequence fewer than would fit, so that the cuts can be shifted.
        self._sequences = len(packed.tokens) // self._width - 1
        if self._sequences < self._batch:
            raise ConfigError(
                f"{len(packed.tokens)} tokens are too few for a batch of {self._batch} x {self._width} tokens"
            )
        self._cls = special_ids(packed.tokenizer)["[CLS]"]
        self._epoch, self._starts = -1, np.empty(0, dtype=np.int64)

    def ids(self, step: int) -> Tensor:
        """Token ids [sequences, tokens], int64, of one step."""
        epoch, batch = divmod(step, self._sequences // self._batch)
        if epoch != self._epoch:
            self._epoch, self._starts = epoch, self._cuts(epoch)
        starts = self._starts[batch * self._batch : (batch + 1) * self._batch]
        ids = self._tokens[starts[:, None] + np.arange(self._width)].astype(np.int64)
        # Position 0 is always [CLS], as in all rated texts.
        ids[:, 0] = self._cls
        return torch.from_numpy(ids)

    def _cuts(self, epoch: int) -> NDArray[np.int64]:
        rng = np.random.default_rng([self._seed, epoch])
        return rng.integers(self._width) + self._width * rng.permutation(self._sequences)


class Masked(NamedTuple):
    """Sequences with some tokens chosen for prediction."""

    ids: Tensor
    """The original token ids [sequences, tokens]."""
    shown: Tensor
    """The generator's input [sequences, tokens]."""
    chosen: Tensor
    """Positions of the chosen tokens [sequences, chosen]."""
    counted: Tensor
    """Whether a choice counts [sequences, chosen]. Some do not in sequences with too few tokens to choose from."""


def mask_tokens(ids: Tensor, special: Tensor, mask_id: int, config: PretrainConfig) -> Masked:
    """Choose a fixed number of tokens of each sequence [sequences, tokens], and mask most of them.

    ``special`` [vocabulary] is true for ids that must not be chosen.
    """
    scores = torch.rand(ids.shape, device=ids.device).masked_fill(special[ids], -1.0)
    top = scores.topk(max(1, round(config.mask_share * ids.shape[1])), dim=1)
    counted = top.values >= 0
    masked = counted & (torch.rand(counted.shape, device=ids.device) >= config.kept_share)
    replacements = torch.where(masked, mask_id, ids.gather(1, top.indices))
    return Masked(ids, ids.scatter(1, top.indices, replacements), top.indices, counted)


def corrupt(batch: Masked, sampled: Tensor) -> tuple[Tensor, Tensor]:
    """Insert ``sampled`` [sequences, chosen]; return ids and whether replaced, both [sequences, tokens].

    A sample that equals the original token counts as original.
    """
    originals = batch.ids.gather(1, batch.chosen)
    corrupted = batch.ids.scatter(1, batch.chosen, torch.where(batch.counted, sampled, originals))
    return corrupted, corrupted != batch.ids


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.experiments.pack", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--output", type=Path, default=Path("runs/packed.safetensors"), help="(%(default)s)")
    parser.add_argument("--init", default=WARM_START, help="vocabulary of minilm, a folder, a hub name (%(default)s)")
    add_validation_argument(parser)
    parser.add_argument("--seed", type=int, default=1, help="seed of the order of the documents (%(default)s)")
    parser.add_argument("--limit", type=int, default=0, help="pack only this many documents (default: all)")
    options = parser.parse_args(argv)
    try:
        if options.limit < 0 or not 0 <= options.validation_share <= 0.5:
            raise ConfigError("--limit must be 0 or more, and --validation-share in [0, 0.5]")
        _, tokenizer = load_initial(options.init, hidden_dropout=0.0, attention_dropout=0.0)
        texts = read_texts(options.data, options.validation_share, options.seed)[: options.limit or None]
        packed = pack(texts, tokenizer)
        write_packed(
            options.output,
            packed,
            init=options.init,
            validation_share=options.validation_share,
            seed=options.seed,
        )
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    size = options.output.stat().st_size / 2**20
    documents, tokens = counted(len(packed.ends), "document"), counted(len(packed.tokens), "token")
    print(f"{options.output}: {documents}, {tokens}, {size:.1f} MiB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

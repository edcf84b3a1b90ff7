"""The two ways an ELECTRA classifier reads a text in PyTorch: full attention, and block-causal attention.

Block-causal: a token sees its own block and all earlier ones, never a later block, and the rating is read at the last
tokens. So what is computed of a finished block stays true while the text grows, and one pass over a text rates all of
its beginnings that end with a block.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import ElectraForSequenceClassification

from model_core.checkpoint import CheckpointConfig


def pad(input_ids: Sequence[Sequence[int]], pad_id: int, multiple: int = 1) -> tuple[Tensor, Tensor]:
    """Return ids [texts, width], the width a multiple of ``multiple``, and lengths [texts], both int64."""
    lengths = torch.tensor([len(ids) for ids in input_ids])
    width = -(-int(lengths.max()) // multiple) * multiple
    padded = torch.full((len(input_ids), width), pad_id)
    for row, ids in enumerate(input_ids):
        padded[row, : len(ids)] = torch.tensor(ids)
    return padded, lengths


def even_blocks(lengths: Tensor, width: int, block: int) -> Tensor:
    """Number the blocks of ``block`` tokens: [texts, width] int64, padding in a block after all others."""
    positions = torch.arange(width, device=lengths.device)
    return torch.where(positions < lengths[:, None], positions // block, width)


def random_blocks(lengths: Tensor, width: int, longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut each text into blocks of 1 to ``longest`` tokens, for training.

    Returns the blocks [texts, width], the last token of each block [texts, blocks], and whether there is such a block
    [texts, blocks]. So a model learns to read at any place in a block.
    """
    shape = (len(lengths), width)
    ends = torch.randint(1, longest + 1, shape).cumsum(1).to(lengths.device)
    counted = torch.cat([torch.zeros_like(ends[:, :1]), ends[:, :-1]], dim=1) < lengths[:, None]
    most = int(counted.sum(1).max())
    positions = torch.arange(width, device=lengths.device).expand(shape).contiguous()
    blocks = torch.where(positions < lengths[:, None], torch.searchsorted(ends, positions, right=True), width)
    reads = torch.minimum(ends, lengths[:, None]) - 1
    return blocks, reads[:, :most], counted[:, :most]


def rate(
    model: ElectraForSequenceClassification, input_ids: Sequence[Sequence[int]], pad_id: int, config: CheckpointConfig
) -> Tensor:
    """Logits [texts, 8] of one padded batch, as the checkpoint of this config is served."""
    ids, lengths = (tensor.to(model.device) for tensor in pad(input_ids, pad_id, multiple=8))
    if config.attention == "full":
        return rate_at_cls(model, ids, lengths)
    blocks = even_blocks(lengths, ids.shape[1], config.block)
    reads = lengths[:, None] - torch.arange(1, config.read_tokens + 1, device=lengths.device)
    # What stands before the first word says nothing of the text, unless there is no word.
    counted = (reads > 0) | (reads == lengths[:, None] - 1)
    logits = rate_at(model, ids, blocks, reads.clamp(min=0))
    return (logits * counted[:, :, None]).sum(1) / counted.sum(1, keepdim=True)


def rate_at_cls(model: ElectraForSequenceClassification, ids: Tensor, lengths: Tensor) -> Tensor:
    """Logits [texts, 8] under full attention, read at [CLS]; ids are [texts, width], lengths [texts]."""
    mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    logits: Tensor = model(input_ids=ids, attention_mask=mask.long()).logits
    return logits


def rate_at(model: ElectraForSequenceClassification, ids: Tensor, blocks: Tensor, reads: Tensor) -> Tensor:
    """Logits [texts, reads, 8] under block-causal attention, read at the tokens ``reads`` [texts, reads].

    ``blocks`` [texts, width] numbers each token's block as ``even_blocks`` does. A read is right where its token is
    the last of its block or of the text.
    """
    # Padding lies in the last block of all: no token sees it, and each row of the mask allows something.
    allowed = blocks[:, None, :, None] >= blocks[:, None, None, :]
    hidden = model.electra(input_ids=ids, attention_mask=allowed).last_hidden_state
    read = hidden.gather(1, reads[:, :, None].expand(-1, -1, hidden.shape[-1]))
    # The head takes the first token of what it is given.
    logits: Tensor = model.classifier(read.flatten(0, 1)[:, None])
    return logits.view(*reads.shape, -1)

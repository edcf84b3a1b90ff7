"""Full and block-causal attention of an ELECTRA classifier in PyTorch.

Block-causal: a token attends to its own block and all earlier ones, and the rating is read at the last tokens. So
states of finished blocks stay valid while the text grows, and one pass rates all prefixes that end with a block.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import ElectraForSequenceClassification

from model_core.checkpoint import CheckpointConfig


def pad(input_ids: Sequence[Sequence[int]], pad_id: int, multiple: int = 1) -> tuple[Tensor, Tensor]:
    """Return ids [texts, width], with the width a multiple of ``multiple``, and lengths [texts], both int64."""
    lengths = torch.tensor([len(ids) for ids in input_ids])
    width = -(-int(lengths.max()) // multiple) * multiple
    padded = torch.full((len(input_ids), width), pad_id)
    for row, ids in enumerate(input_ids):
        padded[row, : len(ids)] = torch.tensor(ids)
    return padded, lengths


def even_blocks(lengths: Tensor, width: int, block: int) -> Tensor:
    """Return the block number of each token: [texts, width] int64. Padding gets a block of its own, the last."""
    positions = torch.arange(width, device=lengths.device)
    return torch.where(positions < lengths[:, None], positions // block, width)


def random_blocks(lengths: Tensor, width: int, longest: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut each text into random blocks of 1 to ``longest`` tokens: the model learns to read anywhere in a block.

    Returns the blocks [texts, width], the last token of each block [texts, blocks], and a mask of the existing blocks
    [texts, blocks].
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
    """Return logits [texts, labels] of one padded batch, with the attention and read tokens of ``config``."""
    ids, lengths = (tensor.to(model.device) for tensor in pad(input_ids, pad_id, multiple=8))
    if config.attention == "full":
        return rate_at_cls(model, ids, lengths)
    blocks = even_blocks(lengths, ids.shape[1], config.block)
    reads = lengths[:, None] - torch.arange(1, config.read_tokens + 1, device=lengths.device)
    # Skip [CLS], which says nothing of the text, unless there is no word.
    counted = (reads > 0) | (reads == lengths[:, None] - 1)
    logits = rate_at(model, ids, blocks, reads.clamp(min=0))
    return (logits * counted[:, :, None]).sum(1) / counted.sum(1, keepdim=True)


def rate_at_cls(model: ElectraForSequenceClassification, ids: Tensor, lengths: Tensor) -> Tensor:
    """Return logits [texts, labels] under full attention, read at [CLS]. ids: [texts, width], lengths: [texts]."""
    mask = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]
    logits: Tensor = model(input_ids=ids, attention_mask=mask.long()).logits
    return logits


def rate_at(model: ElectraForSequenceClassification, ids: Tensor, blocks: Tensor, reads: Tensor) -> Tensor:
    """Return logits [texts, reads, labels] under block-causal attention, read at the tokens ``reads`` [texts, reads].

    ``blocks`` [texts, width] has each token's block number, as from ``even_blocks``. Read only at the last token of a
    block or of the text.
    """
    # Padding is in the last block: no token sees it, and no row of the mask is empty.
    allowed = blocks[:, None, :, None] >= blocks[:, None, None, :]
    hidden = model.electra(input_ids=ids, attention_mask=allowed).last_hidden_state
    read = hidden.gather(1, reads[:, :, None].expand(-1, -1, hidden.shape[-1]))
    # The head reads the first token of its input.
    logits: Tensor = model.classifier(read.flatten(0, 1)[:, None])
    return logits.view(*reads.shape, -1)

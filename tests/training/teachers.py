"""A tiny MPNet, which stands for a teacher in tests."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import MPNetConfig, MPNetForSequenceClassification

from model_core.checkpoint import TOKENIZER_FILE
from tests.tiny import WORDS


def mpnet_tokenizer() -> Tokenizer:
    """Cuts like BERT's and puts the tokens at the ends that MPNet has there."""
    pieces = ["<s>", "<pad>", "</s>", "[UNK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz0123456789.,"]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def tiny_mpnet(seed: int = 0, **options: Any) -> MPNetForSequenceClassification:
    """Three layers with random weights, larger than at a usual start so that inputs matter."""
    torch.manual_seed(seed)
    shape = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
    size = mpnet_tokenizer().get_vocab_size()
    config = MPNetConfig(
        **{
            **shape,
            "vocab_size": size,
            "max_position_embeddings": 66,
            "initializer_range": 0.2,
            "num_labels": 8,
            **options,
        }
    )
    return MPNetForSequenceClassification(config).eval()


def write_mpnet(folder: Path, seed: int = 0, **options: Any) -> Path:
    """Save weights, config and tokenizer as Hugging Face would."""
    tiny_mpnet(seed, **options).save_pretrained(folder)
    mpnet_tokenizer().save(str(folder / TOKENIZER_FILE))
    return folder

"""Evaluation during training, on whole reviews and beginnings of the held-out films."""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import ElectraForSequenceClassification

from model_core.backends.attention import rate
from model_core.checkpoint import CheckpointConfig
from model_core.tokenizer import TextTokenizer
from training.data import Review, labels_of
from training.evaluation.metrics import Floats, text_metrics
from training.texts.beginnings import PREFIX_TOKENS, first_tokens

_BATCH = 32


@torch.inference_mode()
def predict_probabilities(
    model: ElectraForSequenceClassification, tokenizer: TextTokenizer, texts: Sequence[str], config: CheckpointConfig
) -> Floats:
    """Return probabilities [texts, labels] without temperature, computed in batches of similar length."""
    training = model.training
    model.eval()
    encoded = [tokenizer.encode(text).input_ids for text in texts]
    order = np.argsort([len(ids) for ids in encoded], kind="stable")
    result = np.zeros((len(texts), model.config.num_labels))
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        logits = rate(model, [encoded[index] for index in batch], tokenizer.pad_id, config)
        result[batch] = logits.float().softmax(-1).cpu().numpy()
    model.train(training)
    return result


def validation_figures(
    model: ElectraForSequenceClassification,
    tokenizer: TextTokenizer,
    pieces: Tokenizer,
    reviews: Sequence[Review],
    config: CheckpointConfig,
) -> dict[str, float]:
    """Return accuracy and NLL of whole texts, and their means over beginnings of ``PREFIX_TOKENS`` tokens.

    Ratings have ``binary_accuracy`` and ``mae``, too.
    """
    classes, labels = np.array([review.label for review in reviews]), labels_of(reviews)
    whole = [review.text for review in reviews]
    texts = [whole, *([first_tokens(pieces, text, tokens, config.text) for text in whole] for tokens in PREFIX_TOKENS)]
    # Of a short text most beginnings are the whole one, which is rated once.
    places = {text: place for place, text in enumerate(dict.fromkeys(itertools.chain.from_iterable(texts)))}
    probabilities = predict_probabilities(model, tokenizer, list(places), config)
    rows = (probabilities[[places[text] for text in each]] for each in texts)
    full, *prefixes = (text_metrics(each, classes, labels) for each in rows)
    return {
        **{name: round(full[name], 4) for name in ("accuracy", "binary_accuracy", "mae", "nll") if name in full},
        **{
            f"prefix_{figure}": round(float(np.mean([metrics[figure] for metrics in prefixes])), 4)
            for figure in ("accuracy", "nll")
        },
    }

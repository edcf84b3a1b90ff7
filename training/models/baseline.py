"""The competitor: logistic regression on TF-IDF of words and word pairs. It takes a minute or two to fit."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from model_core.cache import Caches
from model_core.classifier import ModelInfo, Prediction
from model_core.text import clean_text
from training.config import FinetuneConfig
from training.data import Review, labels_of
from training.trainer.batches import EpochPlan, TrainingTexts

_WORD: Final = r"(?u)\b\w+\b"
_MANY_TEXTS: Final = 1_000


class TfidfClassifier:
    """The linear model with the interface of the served one, so that the same code evaluates both."""

    def __init__(self, pipeline: Pipeline, prior: tuple[float, ...], name: str) -> None:
        self._pipeline = pipeline
        self.info = ModelInfo(name=name, version="0", sha256="", backend="scikit-learn", max_tokens=0, prior=prior)

    def classify(self, texts: Sequence[str], caches: Caches = None) -> list[Prediction]:
        """Rate texts; results in the order of the texts."""
        # A label that does not occur in the training texts has no column.
        rows = np.zeros((len(texts), len(self.info.prior)))
        rows[:, self._pipeline.classes_] = self._pipeline.predict_proba([clean_text(text) for text in texts])
        return [
            Prediction(tuple(row.tolist()), len(text.split()), False) for row, text in zip(rows, texts, strict=True)
        ]


def fit_tfidf(reviews: Sequence[Review], prefix_share: float = 0.0, seed: int = 1) -> TfidfClassifier:
    """Fit on whole reviews and, with ``prefix_share`` above 0, on as many random beginnings as in fine-tuning."""
    config = FinetuneConfig(prefix_share=prefix_share, seed=seed)
    examples = [example for batch in EpochPlan(TrainingTexts.of(reviews), config, epoch=0) for example in batch]
    texts = [clean_text(example.text) for example in examples]
    labels = [example.target.index(1.0) for example in examples]
    # Few texts have hardly a word in three of them.
    rare = 3 if len(texts) >= _MANY_TEXTS else 1
    pipeline = make_pipeline(
        # Include words of one character: without them "7/10" is lost, which costs three points of accuracy.
        TfidfVectorizer(
            ngram_range=(1, 2), min_df=rare, sublinear_tf=True, strip_accents="unicode", token_pattern=_WORD
        ),
        LogisticRegression(C=2.0, max_iter=200),
    )
    pipeline.fit(texts, labels)
    counts = np.bincount([review.label for review in reviews], minlength=len(labels_of(reviews)))
    prior = tuple((counts / counts.sum()).tolist())
    return TfidfClassifier(pipeline, prior, "tf-idf" if prefix_share == 0 else "tf-idf with prefixes")

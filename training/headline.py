"""How calm the page's headline is: its own module, run by node over ratings of texts that are typed key by key.

``python -m training.headline --data ARCHIVE`` prints the figures as JSON, those of the raw states beside them.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tqdm import tqdm

from model_core.cache import EncoderCache
from model_core.classifier import Classifier, Prediction
from model_core.errors import CheckpointError
from model_core.labels import FIRST_POSITIVE_STARS
from model_core.loading import load_classifier
from training.data import add_data_argument, add_validation_argument, load_split
from training.errors import TrainingError
from training.evaluate import DEFAULT_CHECKPOINT
from training.texts.beginnings import spread

SENTENCE: Final = "This film was a masterpiece of boredom"
MAX_KEYS: Final = 300
KEY_INTERVAL_MS: Final = 150

_PLAYER: Final = Path(__file__).with_name("headline_player.js")


def record(classifier: Classifier, text: str) -> list[dict[str, Any]]:
    """Type a text key by key; return the fields of each rating that the page's headline reads."""
    cache = EncoderCache()
    typed = (text[:chars] for chars in range(1, len(text) + 1))
    return [{"text": begun, **_fields(classifier.classify([begun], [cache])[0])} for begun in typed]


def _fields(prediction: Prediction) -> dict[str, Any]:
    return {
        "probabilities": prediction.probabilities,
        "expected_stars": prediction.expected_stars,
        "positive": prediction.positive,
        "interval": prediction.interval,
        "tokens": prediction.tokens,
        "is_prior": prediction.is_prior,
        "legible": prediction.legible,
        "state": prediction.state,
    }


def play(recordings: Iterable[dict[str, Any]], classifier: Classifier, node: str) -> dict[str, Any]:
    """Play recordings through the page's module; return the figures of the headline and of the raw states.

    A recording has ``keys`` and, if the side is known, ``is_positive``.
    """
    scale = {"prior": classifier.info.prior, "states": asdict(classifier.info.states)}
    content = json.dumps({"scale": scale, "interval_ms": KEY_INTERVAL_MS, "recordings": list(recordings)})
    finished = subprocess.run([node, str(_PLAYER)], input=content, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(finished.stdout)
    return figures


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.headline", description=__doc__)
    add_data_argument(parser)
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="(%(default)s)")
    parser.add_argument("--backend", choices=("onnx", "torch", "fake"), default="onnx", help="(%(default)s)")
    parser.add_argument("--reviews", type=int, default=100, help="validation reviews to type (%(default)s)")
    add_validation_argument(parser)
    options = parser.parse_args(argv)
    node = shutil.which("node")
    if node is None:
        print("error: node is not installed", file=sys.stderr)
        return 1
    try:
        classifier = load_classifier(options.checkpoint, options.backend, films_only=True)
        reviews = spread(load_split(options.data, "validation", options.validation_share), options.reviews)
    except (CheckpointError, TrainingError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    sentence = play([{"keys": record(classifier, SENTENCE)}], classifier, node)
    typed = (
        {"keys": record(classifier, review.text[:MAX_KEYS]), "is_positive": review.stars >= FIRST_POSITIVE_STARS}
        for review in tqdm(reviews, desc="typing", mininterval=1, disable=None)
    )
    print(json.dumps({"sentence": sentence, "reviews": play(typed, classifier, node)}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

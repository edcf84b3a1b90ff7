"""Record the review that types itself on an untouched page, with the shipped model's rating of each key.

``python -m tools.ghost`` writes ``static/live/page/ghost-recording.js``. Run it after a change of the weights.
"""

from typing import Final

from model_core.cache import EncoderCache
from model_core.classifier import Classifier
from model_core.loading import load_classifier
from tools.servers import REPOSITORY

TEXT: Final = "The plot is predictable, the jokes are old and the effects are cheap. I loved it."
CHECKPOINT: Final = REPOSITORY / "model_core" / "checkpoints" / "starcast-electra-6x384"
RECORDING: Final = REPOSITORY / "static" / "live" / "page" / "ghost-recording.js"

_SCALE: Final = 1000


def recording(classifier: Classifier) -> str:
    """Return the JavaScript module: the model, the text, and its probabilities in thousandths, key by key."""
    cache = EncoderCache()
    shares = []
    for chars in range(1, len(TEXT) + 1):
        (prediction,) = classifier.classify([TEXT[:chars]], [cache])
        shares.append(" ".join(str(round(_SCALE * p)) for p in prediction.probabilities))
    info = classifier.info
    return f"""/** Made by `python -m tools.ghost`. */

export const MODEL = "{info.name} {info.version}";
export const TEXT =
  "{TEXT}";
const KEYS =
  "{";".join(shares)}";
/** For each key the probabilities of the eight ratings, in thousandths. */
export const SHARES = KEYS.split(";").map((key) => key.split(" ").map(Number));
"""


def main() -> None:
    """Run the command line."""
    RECORDING.write_text(recording(load_classifier(CHECKPOINT)), encoding="utf-8")
    print(RECORDING.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()

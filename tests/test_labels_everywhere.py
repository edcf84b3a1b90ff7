"""The eight ratings are defined in one place. All copies of them must be equal."""

import json
import re
from pathlib import Path

from model_core.labels import ID2LABEL, STARS

REPOSITORY = Path(__file__).resolve().parent.parent


def test_the_page_has_the_labels_of_the_model() -> None:
    source = (REPOSITORY / "static" / "live" / "client" / "protocol.js").read_text()
    match = re.search(r"export const LABELS = Object\.freeze\((\[[\d, ]+\])\);", source)
    assert match is not None
    assert tuple(json.loads(match[1])) == STARS


def test_every_shipped_checkpoint_has_the_labels_of_the_model() -> None:
    configs = list((REPOSITORY / "model_core" / "checkpoints").glob("*/config.json"))
    assert configs
    for config in configs:
        labels = json.loads(config.read_text())["id2label"]
        assert {int(index): label for index, label in labels.items()} == ID2LABEL


def test_the_shipped_weights_stay_under_75_megabytes() -> None:
    files = [file for file in (REPOSITORY / "model_core" / "checkpoints").rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in files) < 75_000_000

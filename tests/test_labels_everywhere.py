"""The eight ratings are defined in one place. All copies of them must be equal."""

import json
import subprocess

from model_core.labels import ID2LABEL, STARS
from tests.conftest import REPOSITORY, require_program


def test_the_page_has_the_labels_of_the_model() -> None:
    module = (REPOSITORY / "static" / "live" / "client" / "protocol.js").as_uri()
    script = "console.log(JSON.stringify((await import(process.argv[1])).LABELS))"
    node = [require_program("node"), "--input-type=module", "--eval", script, module]
    finished = subprocess.run(node, capture_output=True, text=True, check=True)
    assert tuple(json.loads(finished.stdout)) == STARS


def test_every_shipped_checkpoint_has_the_labels_of_the_model() -> None:
    configs = list((REPOSITORY / "model_core" / "checkpoints").glob("*/config.json"))
    assert configs
    for config in configs:
        labels = json.loads(config.read_text())["id2label"]
        assert {int(index): label for index, label in labels.items()} == ID2LABEL


def test_the_shipped_weights_stay_under_75_megabytes() -> None:
    files = [file for file in (REPOSITORY / "model_core" / "checkpoints").rglob("*") if file.is_file()]
    assert 0 < sum(file.stat().st_size for file in files) < 75_000_000

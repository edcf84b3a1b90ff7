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


FILM_SCALE = re.compile(r"\b1, 2, 3, 4, 7, 8, 9, 10\b")
FILM_NAMES = re.compile(r"\b(STARS|NUM_LABELS|LABELS|FIRST_POSITIVE_\w+|CLASS_OF_STARS|ID2LABEL|LABEL2ID)\b")
IMPORT = re.compile(
    r"^(?:from model_core\.labels import .*|import \{[^}]*\} from \"[./\w]*protocol\.js\";)$", re.MULTILINE
)

SCALE_IS_IN = {
    "model_core/labels.py",
    "live/http/feedback.py",
    "static/live/client/protocol.js",
    "clients/python/src/starcast_client/messages.py",
}
"""Where the film ratings are written out: their definition, and the film fields of the protocol."""

FILMS_ARE_IN = {
    "live/admin/feedback_export.py",
    "live/messages/server.py",
    "live/pages/model_page.py",
    "live/pages/views.py",
    "static/live/lib/labels.js",
    "static/live/lib/strings.js",
    "static/live/page/bars.js",
    "static/live/page/ghost.js",
    "static/live/share/export-files.js",
}
"""Film fields of the protocol, and the film page. All else takes the labels of the model."""


def sources() -> dict[str, str]:
    """What serves: the modules of the server, of the page and of the client, by their paths."""
    folders = {"model_core": "*.py", "live": "*.py", "static/live": "*.js", "clients/python/src": "*.py"}
    files = [file for folder, pattern in folders.items() for file in (REPOSITORY / folder).rglob(pattern)]
    return {file.relative_to(REPOSITORY).as_posix(): file.read_text(encoding="utf-8") for file in files}


def test_the_rating_scale_of_films_is_written_out_only_where_the_protocol_needs_it() -> None:
    assert {path for path, text in sources().items() if FILM_SCALE.search(text)} == SCALE_IS_IN


def test_only_the_page_of_films_and_their_fields_know_the_labels_of_films() -> None:
    found = {path for path, text in sources().items() if any(map(FILM_NAMES.search, IMPORT.findall(text)))}
    assert found == FILMS_ARE_IN

"""Feedback as training reads it.

That on film ratings has the layout of the Large Movie Review Dataset. That on other labels is a table for
``training.data import``.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from live.models import Feedback
from model_core.labels import FIRST_POSITIVE_STARS

_FOLDER: Final = "aclImdb/train"
_TABLE: Final = "feedback.jsonl"
"""No CSV: a spreadsheet would run the texts of strangers as formulas."""
_COLUMNS: Final = ("text", "label", "model_version")


def files(feedback: Iterable[Feedback]) -> Iterator[tuple[str, str]]:
    """Yield names and contents.

    Film ratings: ``pos/ID_STARS.txt``, ``neg/ID_STARS.txt``, and ``urls_*.txt`` with a line for each. Other labels:
    ``feedback.jsonl``, which also says which model was asked.

    The lines stand for films, which training never divides between its splits; here they stand for texts, so that two
    opinions on the same text stay together.
    """
    urls: dict[str, list[str]] = {"pos": [], "neg": []}
    labelled: list[Feedback] = []
    for record in feedback:
        if record.stars is None:
            labelled.append(record)
            continue
        side = "pos" if record.stars >= FIRST_POSITIVE_STARS else "neg"
        yield f"{_FOLDER}/{side}/{len(urls[side])}_{record.stars}.txt", record.text
        urls[side].append(f"urn:sha256:{hashlib.sha256(record.text.encode()).hexdigest()}")
    if any(urls.values()):
        for side, lines in urls.items():
            yield f"{_FOLDER}/urls_{side}.txt", "".join(f"{line}\n" for line in lines)
    if labelled:
        rows = ({name: getattr(record, name) for name in _COLUMNS} for record in labelled)
        yield _TABLE, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)


def write_folder(feedback: Iterable[Feedback], folder: Path) -> int:
    """Write them below ``folder``; return the number of texts. Raises OSError."""
    texts = 0

    def counted() -> Iterator[Feedback]:
        nonlocal texts
        for record in feedback:
            texts += 1
            yield record

    for name, content in files(counted()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
    return texts


def archive(feedback: Iterable[Feedback]) -> bytes:
    """The same as a ``.tar.gz``."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as target:
        for name, content in files(feedback):
            encoded = content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(encoded)
            target.addfile(member, io.BytesIO(encoded))
    return packed.getvalue()

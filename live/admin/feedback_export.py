"""Feedback in the layout of the Large Movie Review Dataset, so that ``training`` reads it like the dataset itself."""

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from live.models import Feedback

_FOLDER: Final = "aclImdb/train"
_POSITIVE_FROM: Final = 7


def files(feedback: Iterable[Feedback]) -> Iterator[tuple[str, str]]:
    """Yield names and contents: ``pos/ID_STARS.txt``, ``neg/ID_STARS.txt``, and ``urls_*.txt`` with a line for each.

    The lines stand for films, which training never divides between its splits; here they stand for texts, so that two
    opinions on the same text stay together.
    """
    urls: dict[str, list[str]] = {"pos": [], "neg": []}
    for record in feedback:
        side = "pos" if record.stars >= _POSITIVE_FROM else "neg"
        yield f"{_FOLDER}/{side}/{len(urls[side])}_{record.stars}.txt", record.text
        urls[side].append(f"urn:sha256:{hashlib.sha256(record.text.encode()).hexdigest()}")
    for side, lines in urls.items():
        yield f"{_FOLDER}/urls_{side}.txt", "".join(f"{line}\n" for line in lines)


def write_folder(feedback: Iterable[Feedback], folder: Path) -> int:
    """Write them below ``folder``; return the number of texts. Raises OSError."""
    count = 0
    for name, content in files(feedback):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
        count += not path.name.startswith("urls_")
    return count


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

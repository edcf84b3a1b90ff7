"""The Large Movie Review Dataset v1.0 (Maas et al., ACL 2011): fetch, read, split by film.

``python -m training.data fetch`` downloads the official archive, ``python -m training.data info`` describes it, and
``python -m training.data pack`` writes an archive with only its training part.
"""

import argparse
import hashlib
import http.client
import io
import json
import re
import sys
import tarfile
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tqdm import tqdm

from model_core.labels import CLASS_OF_STARS

ARCHIVE_URL: Final = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE_BYTES: Final = 84_125_825
ARCHIVE_SHA1: Final = "01ada507287d82875905620988597833ad4e0903"

Split = Literal["train", "validation", "test"]

_REVIEW_NAME = re.compile(r"aclImdb/(train|test)/(pos|neg)/(\d+)_(\d+)\.txt$")
_UNLABELLED_NAME = re.compile(r"aclImdb/train/(unsup)/(\d+)_0\.txt$")
_URLS_NAME = re.compile(r"aclImdb/(train|test)/urls_(pos|neg)\.txt$")
_STATED_RATING = re.compile(r"\b\d{1,2}(?:\.\d)?\s*(?:/|out of)\s*(?:10|ten)\b", re.IGNORECASE)


class DataError(Exception):
    """The archive is missing, broken, or not the Large Movie Review Dataset."""


@dataclass(frozen=True, slots=True)
class Review:
    """One labelled review. ``film`` is the URL of the film's page. A split keeps the reviews of a film together."""

    part: str
    number: int
    stars: int
    text: str
    film: str

    @property
    def label(self) -> int:
        """Class 0 to 7."""
        return CLASS_OF_STARS[self.stars]

    @property
    def states_rating(self) -> bool:
        """Whether the text states a rating, such as "7/10" or "7 out of 10"."""
        return _STATED_RATING.search(self.text) is not None


def read_reviews(path: Path, part: Literal["train", "test"]) -> list[Review]:
    """Read the 25,000 labelled reviews of one official part, ordered by number within neg, then pos.

    ``path`` is the official archive or its unpacked folder. Raises DataError.
    """
    texts: dict[tuple[str, int, int], str] = {}
    films: dict[str, list[str]] = {}
    for name, content in _members(path, part, (_REVIEW_NAME, _URLS_NAME)):
        if match := _REVIEW_NAME.search(name):
            if int(match[4]) not in CLASS_OF_STARS:
                raise DataError(f"{path}: {name} has a rating that does not occur in the dataset")
            texts[match[2], int(match[3]), int(match[4])] = content
        elif match := _URLS_NAME.search(name):
            films[match[2]] = [line.strip() for line in content.splitlines()]
    if not texts or films.keys() != {"pos", "neg"}:
        raise DataError(f"{path} has no aclImdb/{part} reviews: the official aclImdb_v1.tar.gz is needed")
    counts = Counter(sentiment for sentiment, _, _ in texts)
    if counts != Counter({sentiment: len(listed) for sentiment, listed in films.items()}):
        raise DataError(f"{path} is damaged: {part} has {dict(counts)} reviews, which does not match urls_*.txt")
    try:
        return [
            Review(part, number, stars, text, film=films[sentiment][number])
            for (sentiment, number, stars), text in sorted(texts.items())
        ]
    except IndexError as error:
        raise DataError(f"{path} is damaged: a review of {part} has no line in urls_*.txt") from error


def read_unlabelled(path: Path) -> list[str]:
    """Read the texts of the 50,000 reviews without a rating, ordered by number. Raises DataError."""
    texts = {
        int(match[2]): content
        for name, content in _members(path, "train", (_UNLABELLED_NAME,))
        if (match := _UNLABELLED_NAME.search(name))
    }
    if not texts:
        raise DataError(f"{path} has no aclImdb/train/unsup reviews: the official aclImdb_v1.tar.gz is needed")
    return [texts[number] for number in sorted(texts)]


def pack_training_part(path: Path, target: Path) -> None:
    """Write only the training part, with unlabelled reviews, as an archive of a third of the size.

    It is smaller to copy to another machine, and works for all commands that do not use the test part. Raises
    DataError.
    """
    partial = target.with_name(target.name + ".part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(partial, "w:xz") as archive:
        for name, text in _members(path, "train", (_REVIEW_NAME, _URLS_NAME, _UNLABELLED_NAME)):
            member = tarfile.TarInfo(name)
            content = text.encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    partial.replace(target)


def load_split(path: Path, split: Split, validation_share: float) -> list[Review]:
    """Read one split. ``train`` and ``validation`` divide the official train part by film; ``test`` is untouched."""
    if split == "test":
        return read_reviews(path, "test")
    reviews = read_reviews(path, "train")
    wanted = split == "validation"
    return [review for review in reviews if in_validation(review.film, validation_share) == wanted]


def in_validation(film: str, validation_share: float) -> bool:
    """Whether a film belongs to validation: by the hash of its URL, so independent of any order.

    Up to 30 reviews are about the same film. A split by review would leak titles and actors into validation.
    """
    digest = hashlib.sha256(film.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < validation_share


def fingerprint(reviews: Iterable[Review]) -> str:
    """Hex SHA-256 over labels and texts: identifies the data of a run, whatever the archive format."""
    digest = hashlib.sha256()
    for review in reviews:
        digest.update(f"{review.part} {review.number} {review.stars} {review.text}\n".encode())
    return digest.hexdigest()


def _members(path: Path, part: str, wanted: tuple[re.Pattern[str], ...]) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of the files of one part whose name matches, from the archive or folder."""
    if path.is_dir():
        root = path if path.name == "aclImdb" else path / "aclImdb"
        try:
            for file in sorted(root.glob(f"{part}/urls_*.txt")) + sorted(root.glob(f"{part}/*/*.txt")):
                name = f"aclImdb/{file.relative_to(root).as_posix()}"
                if any(pattern.match(name) for pattern in wanted):
                    yield name, file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"cannot read {path}: {error}") from error
        return
    try:
        with tarfile.open(path, "r:*") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                # The other part is skipped, but read: gzip cannot seek.
                if not name.startswith(f"aclImdb/{part}/") or not any(pattern.match(name) for pattern in wanted):
                    continue
                if (content := archive.extractfile(member)) is not None:
                    yield name, content.read().decode("utf-8")
            # To tarfile, damage may look like the end. Reading everything makes gzip compare its checksum.
            while archive.fileobj is not None and archive.fileobj.read(1 << 20):
                continue
    except (OSError, tarfile.TarError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}. Fetch it with: python -m training.data fetch") from error


def fetch(target: Path, url: str = ARCHIVE_URL, size: int = ARCHIVE_BYTES, sha1: str = ARCHIVE_SHA1) -> None:
    """Download the archive to ``target``, resuming a partial download; check size and SHA-1.

    Raises DataError if the result is not the published file. The file is then removed.
    """
    if target.exists() and _is_archive(target, size, sha1):
        return
    partial = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    have = partial.stat().st_size if partial.exists() else 0
    if have > size:
        partial.unlink()  # Not a part of this archive: it is too long.
        have = 0
    if have < size:
        _download(url, partial, have, size)
    if not _is_archive(partial, size, sha1):
        partial.unlink()
        raise DataError(f"the file from {url} is not the published archive (size or SHA-1 differ); try again")
    partial.replace(target)


def _is_archive(path: Path, size: int, sha1: str) -> bool:
    if path.stat().st_size != size:
        return False
    with path.open("rb") as file:
        # The published checksum is a SHA-1. It protects against a broken transfer, not against an attacker.
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest() == sha1


def _download(url: str, partial: Path, have: int, size: int) -> None:
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            if response.status != 206:
                have = 0  # The server ignores the range and sends the whole file.
            with (
                partial.open("ab" if have else "wb") as file,
                tqdm(total=size, initial=have, unit="B", unit_scale=True, desc="fetch") as progress,
            ):
                while chunk := response.read(1 << 20):
                    progress.update(file.write(chunk))
            if response.length:
                # http.client does not report a connection that ended early. Keep the partial file and report it.
                raise ConnectionError(f"the connection ended {response.length} bytes early")
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"cannot fetch {url}: {error}. The partial file is kept; run again to resume") from error


def describe(reviews: Iterable[Review]) -> dict[str, object]:
    """Counts of a split, for people."""
    listed = list(reviews)
    return {
        "reviews": len(listed),
        "films": len({review.film for review in listed}),
        "stars": dict(sorted(Counter(review.stars for review in listed).items())),
        "stated_rating": sum(review.states_rating for review in listed),
    }


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``, the archive of the dataset."""
    parser.add_argument("--data", type=Path, default=Path("data/aclImdb_v1.tar.gz"), help="archive (%(default)s)")


def add_validation_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--validation-share``, which must be the one of the training for its held-out films to be the same."""
    parser.add_argument("--validation-share", type=float, default=0.08, help="share of train films (%(default)s)")


def main(argv: list[str] | None = None) -> int:
    """Command line: ``fetch`` or ``info``."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help="download the official archive (84 MB), with resume and checksum")
    packing = commands.add_parser("pack", help="write only the training part, to copy to another machine")
    packing.add_argument("--output", type=Path, default=Path("data/training_part.tar.xz"), help="(%(default)s)")
    info = commands.add_parser("info", help="print the counts of each split as JSON")
    for command in (fetching, packing, info):
        add_data_argument(command)
    add_validation_argument(info)
    options = parser.parse_args(argv)
    try:
        if options.command == "fetch":
            fetch(options.data)
            print(options.data)
        elif options.command == "pack":
            pack_training_part(options.data, options.output)
            print(f"{options.output}: {options.output.stat().st_size / 2**20:.1f} MiB")
        else:
            for split in ("train", "validation", "test"):
                print(json.dumps({split: describe(load_split(options.data, split, options.validation_share))}))
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""Texts with labels: the Large Movie Review Dataset v1.0 (Maas et al., ACL 2011), or a table of one's own.

``python -m training.data fetch`` downloads the official archive, and ``pack`` writes an archive with only its training
part. ``import`` makes a dataset folder of a table. ``info`` describes an archive or a folder.
"""

import argparse
import hashlib
import http.client
import io
import json
import math
import re
import sys
import tarfile
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tqdm import tqdm

from model_core.labels import CLASS_OF_STARS, FILM_RATINGS, STARS, LabelSet
from model_core.plurals import counted
from training.datasets.folders import (
    LEFT_OUT_FILE,
    Imported,
    Source,
    import_tables,
    is_dataset,
    read_label_set,
    read_part,
    write_dataset,
)
from training.errors import DataError as DataError
from training.errors import TrainingError

ARCHIVE_URL: Final = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
ARCHIVE_BYTES: Final = 84_125_825
ARCHIVE_SHA1: Final = "01ada507287d82875905620988597833ad4e0903"

Split = Literal["train", "validation", "test"]

_SHOWN: Final = 20
"""Rows left out that are shown; all are in a file."""
_LONGEST_NAME: Final = 40
"""Characters of a label that are shown."""

_REVIEW_NAME = re.compile(r"aclImdb/(train|test)/(pos|neg)/(\d+)_(\d+)\.txt$")
_UNLABELLED_NAME = re.compile(r"aclImdb/train/(unsup)/(\d+)_0\.txt$")
_URLS_NAME = re.compile(r"aclImdb/(train|test)/urls_(pos|neg)\.txt$")
_STATED_RATING = re.compile(r"\b\d{1,2}(?:\.\d)?\s*(?:/|out of)\s*(?:10|ten)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Review:
    """One labelled text. A split keeps the texts of a group together: of a film, which is the URL of its page."""

    part: str
    number: int
    label: int
    """Class: the place of its label in ``labels``."""
    text: str
    group: str
    labels: LabelSet = field(default=FILM_RATINGS, compare=False, repr=False)

    @property
    def name(self) -> str:
        """Its label."""
        return self.labels.names[self.label]

    @property
    def stars(self) -> int:
        """The rating of a film review."""
        return STARS[self.label]

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
            Review(part, number, CLASS_OF_STARS[stars], text, group=films[sentiment][number])
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
    """Read one split of an archive or a dataset folder. Raises DataError.

    ``train`` and ``validation`` divide the training part by group; ``test`` is untouched.
    """
    if split == "test":
        return _read_part(path, "test")
    wanted = split == "validation"
    return [review for review in _read_part(path, "train") if in_validation(review.group, validation_share) == wanted]


def _read_part(path: Path, part: Literal["train", "test"]) -> list[Review]:
    if not is_dataset(path):
        return read_reviews(path, part)
    labels = read_label_set(path)
    classes = labels.label2id
    try:
        return [
            Review(part, number, classes[row.label], row.text, row.unit, labels)
            for number, row in enumerate(read_part(path, part))
        ]
    except KeyError as error:
        raise DataError(f"{path} has a text with the label {error}, which is none of its labels") from error


def labels_of(reviews: Sequence[Review]) -> LabelSet:
    """Return the labels that these texts can have; of none, the film ratings."""
    return reviews[0].labels if reviews else FILM_RATINGS


def check_labels(labels: LabelSet, reviews: Sequence[Review], checkpoint: Path) -> None:
    """Raise DataError if texts have other labels than a checkpoint."""
    if reviews and labels != labels_of(reviews):
        raise DataError(
            f"{checkpoint} has the labels {list(labels.names)}, where the data has {list(labels_of(reviews).names)}"
        )


def in_validation(group: str, validation_share: float) -> bool:
    """Whether a group belongs to validation: by the hash of its name, so independent of any order.

    Up to 30 reviews are about the same film. A split by review would leak titles and actors into validation.
    """
    digest = hashlib.sha256(group.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < validation_share


def fingerprint(reviews: Iterable[Review]) -> str:
    """Hex SHA-256 over labels and texts: identifies the data of a run, whatever the archive format."""
    digest = hashlib.sha256()
    for review in reviews:
        digest.update(f"{review.part} {review.number} {review.name} {review.text}\n".encode())
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
                raise ConnectionError(f"the connection ended {counted(response.length, 'byte')} early")
    except (OSError, http.client.HTTPException) as error:
        raise DataError(f"cannot fetch {url}: {error}. The partial file is kept; run again to resume") from error


def describe(reviews: Iterable[Review]) -> dict[str, object]:
    """Counts of a split, for people."""
    listed = list(reviews)
    groups = len({review.group for review in listed})
    labels = labels_of(listed)
    if labels != FILM_RATINGS:
        counts = Counter(review.name for review in listed)
        return {"texts": len(listed), "groups": groups, "labels": {name: counts[name] for name in labels.names}}
    return {
        "reviews": len(listed),
        "films": groups,
        "stars": dict(sorted(Counter(review.stars for review in listed).items())),
        "stated_rating": sum(review.states_rating for review in listed),
    }


def add_data_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--data``, the archive or the folder of the dataset."""
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("data/aclImdb_v1.tar.gz"),
        help="archive, or folder of training.data import (%(default)s)",
    )


def add_validation_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--validation-share``, which must be the one of the training for its held-out films to be the same."""
    parser.add_argument("--validation-share", type=float, default=0.08, help="share of the groups (%(default)s)")


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
        if not all(map(math.isfinite, numbers)):
            raise ValueError
        return numbers
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers, such as 1,2,3") from None


def _delimiter(text: str) -> str:
    character = "\t" if text == "\\t" else text
    if len(character) != 1 or character in '"\r\n':
        raise argparse.ArgumentTypeError(f"{text!r} is not one character, such as ; or \\t for a tab")
    return character


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the table and the options of ``import``. docs/your-own-labels.md has a table of them."""
    parser.add_argument("table", type=Path, help="CSV, TSV, JSON lines or Parquet, by the ending of its name")
    parser.add_argument("--output", type=Path, required=True, help="Dataset folder to write; required")
    parser.add_argument("--text", default="text", metavar="COLUMN", help="Column of the texts (default: %(default)s)")
    parser.add_argument(
        "--label", default="label", metavar="COLUMN", help="Column of the labels (default: %(default)s)"
    )
    parser.add_argument(
        "--group",
        metavar="COLUMN",
        help="Column of what texts have in common, such as author, film or ticket; texts of one group stay on one side "
        "of a split",
    )
    scale = parser.add_mutually_exclusive_group()
    scale.add_argument(
        "--order", type=_names, default=[], help="The labels are a scale, from its low end, such as bad,ok,good"
    )
    scale.add_argument(
        "--values",
        type=_numbers,
        default=[],
        help="The labels are numbers, ascending, such as 1,2,3; the model then has an expected value too",
    )
    test = parser.add_mutually_exclusive_group()
    test.add_argument("--test", type=Path, metavar="TABLE", help="Table of the test part, with the same columns")
    test.add_argument(
        "--test-share",
        type=float,
        default=0.1,
        help="Without --test: share of the groups that becomes the test part (default: %(default)s)",
    )
    parser.add_argument("--keep-duplicates", action="store_true", help="Keep every row that has a text and a label")
    parser.add_argument("--encoding", default="utf-8", help="Encoding of CSV, TSV, JSON lines (default: %(default)s)")
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
        help="Character between the cells of CSV and TSV, or \\t for a tab (default: comma or tab)",
    )


def _import(options: argparse.Namespace) -> None:
    """Make a dataset folder, and say what is in it."""
    columns = (options.text, options.label, options.group, options.encoding, options.delimiter)
    imported = import_tables(
        Source(options.table, *columns),
        options.test,
        options.order,
        options.values,
        options.test_share,
        options.keep_duplicates,
    )
    write_dataset(options.output, imported, [options.table, *([options.test] if options.test else [])])
    print(_account(imported))
    for line in imported.left_out[:_SHOWN]:
        print(f"left out: {line}", file=sys.stderr)
    if len(imported.left_out) > _SHOWN:
        print(f"left out: all rows are in {options.output / LEFT_OUT_FILE}", file=sys.stderr)


def _account(imported: Imported) -> str:
    """Return the counts of an import as a table, for people."""
    counts = {part: Counter(row.label for row in rows) for part, rows in imported.parts.items()}
    width = min(_LONGEST_NAME, max(len("label"), *map(len, imported.labels.names)))
    lines = [f"{'label':{width}}{'train':>9}{'test':>9}{'share':>9}"]
    total = max(1, sum(counts["train"].values()))
    for name in imported.labels.names:
        share = counts["train"][name] / total
        shown = name if len(name) <= width else f"{name[: width - 1]}…"
        lines.append(f"{shown:{width}}{counts['train'][name]:>9,}{counts['test'][name]:>9,}{share:>9.1%}")
    sums = {part: sum(found.values()) for part, found in counts.items()}
    lines.append(f"{'all':{width}}{sums['train']:>9,}{sums['test']:>9,}")
    words = [f"{count:,} {name.replace('_', ' ')}" for name, count in imported.counts.items() if count]
    return "\n".join([*lines, ", ".join(words)])


def main(argv: list[str] | None = None) -> int:
    """Command line: ``fetch``, ``pack``, ``import`` or ``info``."""
    parser = argparse.ArgumentParser(prog="python -m training.data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fetching = commands.add_parser("fetch", help="download the official archive (84 MB), with resume and checksum")
    packing = commands.add_parser("pack", help="write only the training part, to copy to another machine")
    packing.add_argument("--output", type=Path, default=Path("data/training_part.tar.xz"), help="(%(default)s)")
    importing = commands.add_parser("import", help="make a dataset folder of a table of texts with labels")
    add_import_arguments(importing)
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
        elif options.command == "import":
            _import(options)
        else:
            for split in ("train", "validation", "test"):
                print(json.dumps({split: describe(load_split(options.data, split, options.validation_share))}))
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

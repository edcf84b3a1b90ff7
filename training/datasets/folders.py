"""Folders of texts with labels of one's own, made from tables: read, cleaned, split.

A folder has ``dataset.json`` (labels, counts, sources), ``train.jsonl`` and ``test.jsonl`` (rows with ``text``,
``label`` and perhaps ``group``), and ``left_out.txt``, which names each row that was left out, and why.
"""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from model_core.labels import FILM_RATINGS, LabelSet
from training.datasets.tables import TableRow, read_table
from training.errors import DataError

DATASET_FILE: Final = "dataset.json"
LEFT_OUT_FILE: Final = "left_out.txt"
MAX_LABELS: Final = 200

Part = Literal["train", "test"]


@dataclass(frozen=True, slots=True)
class LabelledText:
    """One row of a dataset. Texts of one group stay together when the data is split."""

    text: str
    label: str
    group: str = ""
    """Empty if the text is a group of its own."""

    @property
    def key(self) -> str:
        """What two texts share that differ only in case and white space."""
        return " ".join(self.text.split()).casefold()

    @property
    def unit(self) -> str:
        """The group, or what stands for the text itself."""
        return self.group or f"text {hashlib.sha256(self.key.encode()).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Source:
    """A table, and its columns."""

    path: Path
    text: str = "text"
    label: str = "label"
    group: str | None = None
    encoding: str = "utf-8"
    delimiter: str | None = None

    def rows(self) -> Iterator[TableRow]:
        """Yield the rows of the table. Raises DataError."""
        columns = [self.text, self.label, *([self.group] if self.group else [])]
        return read_table(self.path, columns, self.encoding, self.delimiter)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import has made."""

    labels: LabelSet
    parts: Mapping[Part, Sequence[LabelledText]]
    left_out: Sequence[str]
    """A line for each row that was left out: where it is, and why."""
    counts: Mapping[str, int]
    """Rows read, rows left out by reason, and what should be looked at."""


def import_tables(
    train: Source,
    test: Path | None = None,
    order: Sequence[str] = (),
    values: Sequence[float] = (),
    test_share: float = 0.1,
    keep_duplicates: bool = False,
) -> Imported:
    """Read tables, leave out what cannot be trained on, and split.

    Without ``test``, about ``test_share`` of the groups become the test part. ``order`` or ``values`` name the labels
    of a scale from its low end; otherwise the labels are those of the table, in no order.

    Left out are rows that cannot be read, without a text, or without a known label; and, unless ``keep_duplicates``,
    all but the first of equal texts, texts that occur with different labels, and texts for training that the test part
    has. So no text is on two sides. Raises DataError.
    """
    cleaning = _Cleaning(_scale(order, values))
    parts: dict[Part, list[tuple[str, LabelledText]]] = {"train": cleaning.read(train)}
    if test is not None:
        parts["test"] = cleaning.read(replace(train, path=test))
    if not keep_duplicates:
        parts = {part: cleaning.without_duplicates(rows) for part, rows in parts.items()}
        tested = {row.key for _, row in parts.get("test", ())}
        parts["train"] = cleaning.without(parts["train"], tested, "in_test", "the test part has this text too")
    texts: dict[Part, list[LabelledText]] = {part: [row for _, row in rows] for part, rows in parts.items()}
    if test is None:
        whole = texts["train"]
        texts = {
            "train": [row for row in whole if not _in_test(row.unit, test_share)],
            "test": [row for row in whole if _in_test(row.unit, test_share)],
        }
    labels = cleaning.scale or _nominal(texts, train)
    seen = {row.label for row in texts["train"]}
    if missing := [name for name in labels.names if name not in seen]:
        is_tested = test is None and any(row.label == missing[0] for row in texts["test"])
        cure = "set --test-share 0, since all of them became the test part" if is_tested else "leave the label out"
        raise DataError(f"no text for training has the label {missing[0]!r}: add some, or {cure}")
    groups, keys = ({part: set(map(get, rows)) for part, rows in texts.items()} for get in (_unit, _key))
    cleaning.counts["groups_on_both_sides"] = len(groups["train"] & groups["test"])
    cleaning.counts["texts_on_both_sides"] = len(keys["train"] & keys["test"])
    return Imported(labels, texts, cleaning.left_out, dict(cleaning.counts))


def _unit(row: LabelledText) -> str:
    return row.unit


def _key(row: LabelledText) -> str:
    return row.key


def _scale(order: Sequence[str], values: Sequence[float]) -> LabelSet | None:
    """Return the labels that the caller names; None if they are those of the table. Raises DataError."""
    if not order and not values:
        return None
    names = tuple(order) or tuple(f"{value:g}" for value in values)
    numbers = tuple(int(value) if value == int(value) else value for value in values)
    if (names, numbers) == (FILM_RATINGS.names, FILM_RATINGS.values):
        return FILM_RATINGS
    try:
        return LabelSet(names, "ordinal", numbers or None)
    except ValueError as error:
        raise DataError(str(error)) from error


def _nominal(texts: Mapping[Part, Sequence[LabelledText]], train: Source) -> LabelSet:
    names = sorted({row.label for rows in texts.values() for row in rows})
    if not names:
        raise DataError(f"{train.path} has no row with a text and a label")
    if len(names) > MAX_LABELS:
        raise DataError(
            f"the column {train.label!r} has {len(names):,} different values, more than {MAX_LABELS} labels"
        )
    try:
        return LabelSet(tuple(names))
    except ValueError as error:
        raise DataError(f"the column {train.label!r} of {train.path}: {error}") from error


def _in_test(unit: str, share: float) -> bool:
    digest = hashlib.sha256(f"test {unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < share


class _Cleaning:
    """Rows that can be trained on, and an account of the others."""

    def __init__(self, scale: LabelSet | None) -> None:
        self.scale = scale
        self.counts: Counter[str] = Counter()
        self.left_out: list[str] = []

    def read(self, source: Source) -> list[tuple[str, LabelledText]]:
        """Return the rows of a table with their places."""
        kept = []
        for row in source.rows():
            self.counts["rows"] += 1
            place = f"{source.path.name}, {row.place}"
            text, label = row.values.get(source.text), self._label(row.values.get(source.label))
            if problem := row.problem or _problem(source.text, text):
                self._leave_out("bad", place, problem)
            elif text is None or not text.strip():
                self._leave_out("empty", place, "it has no text")
            elif label is None:
                given = row.values.get(source.label)
                has_none = given is None or not str(given).strip()
                self._leave_out("bad", place, "it has no label" if has_none else f"{given!r} is none of the labels")
            else:
                group = row.values.get(source.group) if source.group else None
                kept.append((place, LabelledText(text, label, "" if group is None else str(group))))
        return kept

    def _label(self, value: Any) -> str | None:
        """Return the name of a label as a cell has it; None if it is none."""
        name = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
        if value is None or not name:
            return None
        if self.scale is not None and self.scale.values is not None:
            try:
                return self.scale.names[self.scale.values.index(float(name))]
            except ValueError:
                return None
        if isinstance(value, float) and value.is_integer():
            name = str(int(value))
        return name if self.scale is None or name in self.scale.names else None

    def without_duplicates(self, rows: Sequence[tuple[str, LabelledText]]) -> list[tuple[str, LabelledText]]:
        """Leave out texts that occur with different labels, and all but the first of equal ones."""
        labels: dict[str, set[str]] = {}
        for _, row in rows:
            labels.setdefault(row.key, set()).add(row.label)
        conflicting = {key for key, found in labels.items() if len(found) > 1}
        rows = self.without(rows, conflicting, "conflicting", "the same text has another label elsewhere")
        first: set[str] = set()
        kept = []
        for place, row in rows:
            if row.key in first:
                self._leave_out("duplicate", place, "the same text stands before")
            else:
                kept.append((place, row))
            first.add(row.key)
        return kept

    def without(
        self, rows: Iterable[tuple[str, LabelledText]], keys: set[str], reason: str, words: str
    ) -> list[tuple[str, LabelledText]]:
        """Leave out the texts with these keys."""
        kept = []
        for place, row in rows:
            if row.key in keys:
                self._leave_out(reason, place, words)
            else:
                kept.append((place, row))
        return kept

    def _leave_out(self, reason: str, place: str, words: str) -> None:
        self.counts[reason] += 1
        self.left_out.append(f"{place}: {words}")


def _problem(column: str, text: Any) -> str:
    if text is not None and not isinstance(text, str):
        return f"{column!r} is {type(text).__name__}, not text"
    try:
        (text or "").encode()
    except UnicodeEncodeError:
        return f"{column!r} is not valid Unicode"
    return ""


def write_dataset(folder: Path, imported: Imported, sources: Sequence[Path]) -> None:
    """Write a dataset folder, as a whole or not at all; one that is there already is replaced. Raises DataError."""
    if folder.exists() and not (folder / DATASET_FILE).exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is there already, and no dataset: choose another --output")
    partial = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for part, rows in imported.parts.items():
        lines = [json.dumps(_as_json(row), ensure_ascii=False) + "\n" for row in rows]
        (partial / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")
    (partial / LEFT_OUT_FILE).write_text("".join(f"{line}\n" for line in imported.left_out), encoding="utf-8")
    content = {
        "labels": imported.labels.names,
        "task": imported.labels.task,
        "values": imported.labels.values,
        "counts": imported.counts,
        "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sources},
    }
    (partial / DATASET_FILE).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _as_json(row: LabelledText) -> dict[str, str]:
    return {"text": row.text, "label": row.label, **({"group": row.group} if row.group else {})}


def is_dataset(path: Path) -> bool:
    """Whether a folder is one that ``write_dataset`` wrote."""
    return (path / DATASET_FILE).is_file()


def read_label_set(folder: Path) -> LabelSet:
    """Return the labels of a dataset folder. Raises DataError."""
    try:
        content = json.loads((folder / DATASET_FILE).read_text(encoding="utf-8"))
        values = content.get("values")
        labels = LabelSet(tuple(content["labels"]), content["task"], None if values is None else tuple(values))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(f"cannot read {folder / DATASET_FILE}: {error}; import the data again") from error
    return FILM_RATINGS if labels == FILM_RATINGS else labels


def read_part(folder: Path, part: Part) -> list[LabelledText]:
    """Return the texts of one part of a dataset folder. Raises DataError."""
    path = folder / f"{part}.jsonl"
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return [LabelledText(**json.loads(line)) for line in lines if line]
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"cannot read {path}: {error}; import the data again") from error

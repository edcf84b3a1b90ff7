"""Ratings of an unfinished run, in a file beside the output: one JSON line each, appended as they come."""

import json
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from starcast_client.messages import as_unicode
from starcast_client.scoring.ratings import Columns, Record, may_pass
from starcast_client.scoring.sources import UnreadableFile
from starcast_client.scoring.tables import Row

_OWN: Final = {"row", "digest"}


class Progress:
    """The rows that are done, from the first on. A line that a crash cut off is dropped.

    A row that is rated again has a second line, which counts. An empty file says that an output is to be rated anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_new = not path.exists()
        """Whether no run was interrupted."""
        self._again: dict[int, dict[str, Any]] = {}
        self.rows = 0
        """Number of rows that are done."""
        self.columns: Columns | None = None
        """Those of the records; None as long as there is none."""
        end = 0
        if not self.is_new:
            with path.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    self._note(self._load(line))
                    end += len(line)
        self._file = path.open("ab")
        self._file.truncate(end)

    def records(self) -> Iterator[Record]:
        """The records in the order of their rows."""
        self._file.flush()
        row = 0
        with self._path.open("rb") as lines:
            for line in lines:
                record = self._load(line)
                if record["row"] == row:
                    yield self._again.get(row, record)
                    row += 1

    def append(self, number: int, row: Row, record: Record) -> None:
        """Store the record of the next row, or of a row that is rated again."""
        line = {"row": number, "digest": digest_of(row), **record}
        self.columns = self.columns or Columns.of(record.keys())
        self._file.write(json.dumps(line).encode() + b"\n")
        self._note(line)

    def close(self) -> None:
        """Close the file; it can be continued later. An empty one goes if it was not there before."""
        self._file.close()
        if self.rows == 0 and self.is_new:
            self._path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Close and delete the file."""
        self.close()
        self._path.unlink(missing_ok=True)

    def match(self, rows: Iterable[Row]) -> tuple[list[tuple[int, Row]], str | None]:
        """Compare the records with as many rows; return the rows to rate again, and the model.

        Raises UnreadableFile for the ratings of another file.
        """
        again, model = [], None
        following = iter(rows)
        for number, record in enumerate(self.records()):
            row = next(following, None)
            if row is None:
                raise UnreadableFile(
                    f"{self._path.name} has more rows than are to be rated: "
                    "use a larger --limit, start again with --force, or name another --output"
                )
            if record["digest"] != digest_of(row):
                raise UnreadableFile(
                    f"{self._path.name} has ratings of another file: its row {number + 1} has another text; "
                    "use --force to start again, or name another --output"
                )
            if may_pass(record):
                again.append((number, row))
            model = record["model_version"] or model
        return again, model

    def _note(self, record: dict[str, Any]) -> None:
        if record["row"] == self.rows:
            self.rows += 1
        elif 0 <= record["row"] < self.rows:
            self._again[record["row"]] = record
        else:
            raise UnreadableFile(f"{self._path.name} holds something else: row {self.rows + 1} is missing")

    def _load(self, line: bytes) -> dict[str, Any]:
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            self.columns = self.columns or Columns.of(record.keys())
            if record.keys() == _OWN | self.columns.kinds.keys() and isinstance(record["row"], int):
                return record
        raise UnreadableFile(f"{self._path.name} holds something else; use --force to start again")


def digest_of(row: Row) -> str:
    """Return what a row is known by again: a digest of its text, or that it has none."""
    return blake2b(as_unicode(row.text).encode(), digest_size=16).hexdigest() if row.problem is None else "bad_row"

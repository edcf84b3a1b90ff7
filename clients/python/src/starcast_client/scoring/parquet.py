"""Parquet files of texts and ratings."""

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from starcast_client.scoring.readers import Source, UnreadableFile
from starcast_client.scoring.writers import COLUMNS, JSONL, LinesOutput, Record

_ROWS_A_GROUP: Final = 10_000

_KINDS: Final = {
    **dict.fromkeys(("row", "stars", "interval_low", "interval_high", "tokens"), pa.int64()),
    **dict.fromkeys(("truncated", "is_prior"), pa.bool_()),
    **dict.fromkeys(("text", "model_version", "error"), pa.string()),
}
_SCHEMA: Final = pa.schema([(name, _KINDS.get(name, pa.float64())) for name in COLUMNS])


def read_column(source: Source, column: str) -> Iterator[Any]:
    """Yield the values of one column. Raises UnreadableFile, OSError."""
    try:
        with pq.ParquetFile(source.path) as file:
            names = file.schema_arrow.names
            if column not in names:
                raise UnreadableFile(f"no column {column!r} in {source.name}; it has {', '.join(names)}")
            for batch in file.iter_batches(batch_size=1_024, columns=[column]):
                yield from batch.column(0).to_pylist()
    except pa.ArrowInvalid as error:
        raise UnreadableFile(f"{source.name} is not Parquet: {error}") from error


class ParquetOutput:
    """Ratings as Parquet. It cannot be appended to, so records are collected in a side file until all are done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial.jsonl")
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        if path.exists() and not self._partial.exists():
            self._take_over()
        self._lines = LinesOutput(self._partial, JSONL)
        self.rows = self._lines.rows

    def records(self) -> Iterator[Record]:
        """The records of the side file when it was opened."""
        return self._lines.records()

    def replace(self, records: Mapping[int, Record]) -> None:
        """Rewrite the side file."""
        self._lines.replace(records)

    def append(self, record: Record) -> None:
        """Append one record to the side file."""
        self._lines.append(record)

    def close(self) -> None:
        """Close the side file."""
        self._lines.close()

    def finish(self) -> None:
        """Convert the side file to Parquet atomically."""
        with (
            pq.ParquetWriter(self._unfinished, _SCHEMA) as writer,
            self._partial.open(encoding="utf-8", newline="\n") as lines,
        ):
            records = JSONL.decode(lines)
            while batch := list(itertools.islice(records, _ROWS_A_GROUP)):
                writer.write_table(pa.Table.from_pylist(batch, _SCHEMA))
        self._unfinished.replace(self._path)
        self._partial.unlink()

    def _take_over(self) -> None:
        try:
            with pq.ParquetFile(self._path) as file, self._unfinished.open("wb") as lines:
                for batch in file.iter_batches():
                    lines.writelines(JSONL.encode(record).encode() for record in batch.to_pylist())
        except (pa.ArrowInvalid, KeyError) as error:
            self._unfinished.unlink(missing_ok=True)
            raise UnreadableFile(f"{self._path.name} holds something else: {error}") from error
        self._unfinished.replace(self._partial)

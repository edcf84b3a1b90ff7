"""Rows of Parquet files, in and out."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from starcast_client.scoring.sources import Source, UnreadableFile

_ROWS_A_BATCH: Final = 1_024
_ROWS_A_GROUP: Final = 10_000
_KINDS: Final = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}


def read_values(source: Source) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    """Yield the values of each row by column, and the columns whose text is not UTF-8 in it.

    Raises UnreadableFile, OSError.
    """
    # Without its checksum, where it has one, a damaged page may read as nulls.
    with _damage(source), pq.ParquetFile(source.path, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=_ROWS_A_BATCH):
            yield from _rows_of(batch)


def schema_of(source: Source) -> pa.Schema:
    """Return the columns of a Parquet file. Raises UnreadableFile, OSError."""
    with _damage(source):
        return pq.read_schema(source.path)


def write_rows(
    path: Path, rows: Iterable[Mapping[str, Any]], kinds: Mapping[str, type], like: pa.Schema | None
) -> None:
    """Write rows with columns of these kinds, or those of ``like`` where it has them."""
    schema = pa.schema(
        [
            like.field(name) if like is not None and name in like.names else pa.field(name, _KINDS[kind])
            for name, kind in kinds.items()
        ]
    )
    with pq.ParquetWriter(path, schema) as writer:
        group: list[Mapping[str, Any]] = []
        for row in rows:
            group.append(row)
            if len(group) == _ROWS_A_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group = []
        writer.write_table(pa.Table.from_pylist(group, schema))


@contextlib.contextmanager
def _damage(source: Source) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableFile(f"{source.name}: not Parquet, or damaged: {error}") from error


def _rows_of(batch: pa.RecordBatch) -> Iterator[tuple[dict[str, Any], frozenset[str]]]:
    names = batch.schema.names
    columns = [_values_of(column) for column in batch.columns]
    for number in range(batch.num_rows):
        damaged = frozenset(name for name, (_, bad) in zip(names, columns, strict=True) if number in bad)
        yield {name: values[number] for name, (values, _) in zip(names, columns, strict=True)}, damaged


def _values_of(column: pa.Array) -> tuple[list[Any], frozenset[int]]:
    """Return the values of a column, and the places of texts that are not UTF-8, decoded as well as can be."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_temporal(column.type) or pa.types.is_decimal(column.type):
        # Python has no nanoseconds, and JSON neither dates nor decimals: Arrow's own values write themselves.
        return [value if value.is_valid else None for value in column], frozenset()
    try:
        return column.to_pylist(), frozenset()
    except ValueError:
        # Also of nanoseconds inside lists and structs.
        if pa.types.is_nested(column.type):
            return [_or_none(value) for value in column], frozenset()
        raw = [value.as_py() for value in column.cast(pa.binary())]
    values = [value if value is None else value.decode("utf-8", "replace") for value in raw]
    damaged = (place for place, value in enumerate(raw) if value is not None and not _is_utf8(value))
    return values, frozenset(damaged)


def _or_none(value: pa.Scalar) -> Any:
    try:
        return _nested(value)
    except UnicodeDecodeError:
        return None


def _nested(value: pa.Scalar) -> Any:
    if not value.is_valid:
        return None
    if isinstance(value, pa.MapScalar):
        return [tuple(_nested(entry).values()) for entry in value.values]
    if isinstance(value, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
        return [_nested(each) for each in value]
    if isinstance(value, pa.StructScalar):
        return {name: _nested(each) for name, each in value.items()}
    return value if pa.types.is_temporal(value.type) else value.as_py()


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True

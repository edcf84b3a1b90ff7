"""Rates a Parquet dataset on a Ray cluster: one model a worker, one output file an input file.

``PYTHONPATH=. python deploy/ray/rate_parquet.py INPUT OUTPUT`` starts Ray on this machine, or connects to the cluster
that RAY_ADDRESS names. Give the same command again to go on with an unfinished run: files that are done are skipped.
INPUT and OUTPUT are folders, or URLs that pyarrow knows, such as s3://bucket/folder, which all workers must reach.
Exit status: 0 if all is rated, 1 if some texts are not UTF-8, which have no rating, 2 if the run had to stop.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from pyarrow import fs
from ray.exceptions import RayError

import model_core
from model_core.checkpoint import CheckpointConfig
from model_core.columns import columns_of, rate_column
from model_core.errors import CheckpointError
from model_core.labels import LabelSet
from model_core.loading import load_classifier, read_folder
from model_core.plurals import counted

PACKAGE: Final = Path(model_core.__file__).parent
DEFAULT_CHECKPOINT: Final = "starcast-electra-6x384"
VERSION_KEY: Final = b"starcast.model_version"
"""Says in the metadata of an output file which model rated it."""
UNDECODABLE_KEY: Final = b"starcast.undecodable"
"""Says there how many of its texts are not UTF-8."""

_ROWS_A_BATCH: Final = 1_024
_TYPES: Final = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


class Stop(Exception):  # noqa: N818 - reads as what it says
    """The run has to stop. The message is for users."""


class Rater:
    """One worker: a model, and the files that it is given."""

    def __init__(self, source: str, target: str, *, checkpoint: str, threads: int, column: str, prefix: str) -> None:
        # The package has come to this machine, with its checkpoints, from the one that started the run.
        folder = Path(model_core.__file__).parent / "checkpoints" / checkpoint
        self._classifier = load_classifier(folder, threads=threads, cache_bytes=0)
        self._added = [pa.field(*each) for each in _fields(self._classifier.info.labels)]
        self._source, self._target = source, target
        self._column, self._prefix = column, prefix

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Rate the files ``name``; return for each its numbers of rows, and of texts that are not UTF-8."""
        names = [str(name) for name in batch["name"]]
        rows, undecodable = zip(*map(self._rate, names), strict=True)
        return {"name": names, "rows": list(rows), "undecodable": list(undecodable)}

    def _rate(self, name: str) -> tuple[int, int]:
        filesystem, folder = fs.FileSystem.from_uri(self._target)
        path = f"{folder}/{name}"
        unfinished, rows, undecodable = f"{path}.unfinished", 0, 0
        with _open(self._source, name) as reader, filesystem.open_output_stream(unfinished) as stream:
            added = [field.with_name(self._prefix + field.name) for field in self._added]
            metadata = {**(reader.schema_arrow.metadata or {}), VERSION_KEY: self._classifier.info.version.encode()}
            schema = pa.schema([*reader.schema_arrow, *added], metadata)
            with pq.ParquetWriter(stream, schema) as writer:
                for batch in reader.iter_batches(batch_size=_ROWS_A_BATCH):
                    texts, damaged = _texts(batch.column(self._column))
                    rated = rate_column(self._classifier, texts)
                    columns = pa.Table.from_pylist(rated, pa.schema(self._added)).columns
                    writer.write_table(pa.table([*batch.columns, *columns], schema))
                    rows += batch.num_rows
                    undecodable += damaged
                writer.add_key_value_metadata({UNDECODABLE_KEY: str(undecodable).encode()})
        # Whoever reads the folder, and the next run, sees whole files only.
        filesystem.move(unfinished, path)
        return rows, undecodable


def main(argv: Sequence[str] | None = None) -> int:
    """Rate what is not rated yet; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("input", help="folder or URL of Parquet files")
    parser.add_argument("output", help="folder or URL for the rated files, with the names of the files of INPUT")
    parser.add_argument("--column", default="text", help="column of the text (default: text)")
    parser.add_argument("--prefix", default="", help="put this before the names of the added columns")
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT, help="folder in model_core/checkpoints")
    parser.add_argument("--workers", type=_positive, help="models at a time (default: one for each --threads CPUs)")
    parser.add_argument("--threads", type=_positive, default=1, help="CPUs of a worker (default: 1)")
    arguments = parser.parse_args(argv)
    try:
        plan = _plan(arguments, read_folder(PACKAGE / "checkpoints" / arguments.checkpoint))
        print(f"{counted(len(plan.todo), 'file')} to rate, {plan.done} done")
        rated, undecodable = 0, plan.undecodable
        for done_now in _rate(plan.todo, arguments) if plan.todo else ():
            rated += done_now["rows"] - done_now["undecodable"]
            undecodable += done_now["undecodable"]
            if done_now["undecodable"]:
                unrated = counted(done_now["undecodable"], "text")
                print(f"{done_now['name']}: no rating of {unrated}: not UTF-8", file=sys.stderr)
    except (Stop, CheckpointError, OSError, pa.ArrowInvalid, RayError) as error:
        print(f"rate_parquet: {error}", file=sys.stderr)
        return 2
    print(f"{counted(rated, 'row')} rated")
    return 1 if undecodable else 0


class _Plan(NamedTuple):
    todo: list[str]
    """Names of the files to rate."""
    done: int
    """Number of files that are rated already."""
    undecodable: int
    """Number of their texts that are not UTF-8."""


def _fields(labels: LabelSet) -> list[tuple[str, pa.DataType]]:
    """Return names and types of the added columns, in order."""
    return [(name, _TYPES[kind]) for name, kind in columns_of(labels).items()]


def _plan(arguments: argparse.Namespace, config: CheckpointConfig) -> _Plan:
    """Look at all files before any is rated. Raises Stop, OSError, ArrowInvalid."""
    sources = _files(arguments.input)
    if not sources:
        raise Stop(f"no Parquet files in {arguments.input}")
    for name in sources:
        schema = _schema(arguments.input, name)
        if schema.names.count(arguments.column) != 1:
            raise Stop(
                f"{name}: needs one column {arguments.column!r}, and has {', '.join(schema.names)}; see --column"
            )
        if not _is_text(kind := schema.field(arguments.column).type):
            raise Stop(f"{name}: the column {arguments.column!r} is {kind}, not text; see --column")
        if both := sorted({arguments.prefix + each for each in columns_of(config.labels)} & set(schema.names)):
            raise Stop(f"{name}: has columns with the names of rating columns ({', '.join(both)}); use --prefix")
    filesystem, folder = fs.FileSystem.from_uri(_uri(arguments.output))
    filesystem.create_dir(folder, recursive=True)
    targets = _files(arguments.output)
    undecodable = 0
    for target in targets:
        metadata = _metadata(arguments.output, target)
        rated_by = metadata.get(VERSION_KEY, b"").decode()
        undecodable += int(metadata.get(UNDECODABLE_KEY, b"0"))
        if rated_by != config.version:
            raise Stop(
                f"{target} was rated by model {rated_by or 'unknown'}, not {config.version}: name another OUTPUT"
            )
    todo = [name for name in sources if name not in targets]
    return _Plan(todo, len(sources) - len(todo), undecodable)


def _rate(todo: list[str], arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Rate files on the cluster; yield what the workers say of each."""
    ray.init(runtime_env={"py_modules": [str(PACKAGE)]}, ignore_reinit_error=True)
    workers = arguments.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // arguments.threads)
    names = [{"name": name} for name in todo]
    rated = ray.data.from_items(names, override_num_blocks=len(todo)).map_batches(
        Rater,
        fn_constructor_args=(_uri(arguments.input), _uri(arguments.output)),
        fn_constructor_kwargs={
            "checkpoint": arguments.checkpoint,
            "threads": arguments.threads,
            "column": arguments.column,
            "prefix": arguments.prefix,
        },
        batch_size=1,
        num_cpus=arguments.threads,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
    )
    yield from rated.iter_rows()


def _files(folder: str) -> list[str]:
    """Return the names of the Parquet files of a folder, in order."""
    filesystem, path = fs.FileSystem.from_uri(_uri(folder))
    found = filesystem.get_file_info(fs.FileSelector(path))
    return sorted(each.base_name for each in found if each.base_name.endswith(".parquet"))


def _schema(folder: str, name: str) -> pa.Schema:
    with _looked_at(folder, name) as reader:
        return reader.schema_arrow


def _metadata(folder: str, name: str) -> dict[bytes, bytes]:
    with _looked_at(folder, name) as reader:
        return reader.metadata.metadata or {}


@contextlib.contextmanager
def _looked_at(folder: str, name: str) -> Iterator[pq.ParquetFile]:
    """Open a file before the run. Raises Stop if it is damaged, and OSError if it cannot be read."""
    try:
        with _open(_uri(folder), name) as reader:
            yield reader
    except (pa.ArrowInvalid, OSError) as error:
        # pyarrow raises an OSError without a number for some damage.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Stop(f"{name}: not Parquet, or damaged: {error}") from error


def _open(folder: str, name: str) -> pq.ParquetFile:
    # Not by the URI of the file: names may have characters that mean something there.
    filesystem, path = fs.FileSystem.from_uri(folder)
    return pq.ParquetFile(filesystem.open_input_file(f"{path}/{name}"), page_checksum_verification=True)


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.null())


def _texts(column: pa.Array) -> tuple[list[str | None], int]:
    """Return the texts of a column, None for those that are not UTF-8, and the number of these."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    texts: list[str | None] = []
    undecodable = 0
    for value in column.cast(pa.large_binary()).to_pylist():
        try:
            texts.append(value if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
            undecodable += 1
    return texts, undecodable


def _positive(value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1, not {value!r}")
    return int(value)


def _uri(folder: str) -> str:
    return (folder if "://" in folder else Path(folder).absolute().as_uri()).rstrip("/")


if __name__ == "__main__":
    sys.exit(main())

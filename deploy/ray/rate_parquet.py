"""Rates a Parquet dataset on a Ray cluster: one model a worker, one output file an input file.

``PYTHONPATH=. python deploy/ray/rate_parquet.py INPUT OUTPUT`` starts Ray on this machine, or connects to the cluster
that RAY_ADDRESS names. Give the same command again to go on with an unfinished run: files that are done are skipped.
INPUT and OUTPUT are folders, or URLs that pyarrow knows, such as s3://bucket/folder, which all workers must reach.
Exit status: 0 if all is rated, 2 if the run cannot begin.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import ray
from pyarrow import fs

import model_core
from model_core.checkpoint import CheckpointConfig
from model_core.columns import columns_of, rate_column
from model_core.errors import CheckpointError
from model_core.labels import LabelSet
from model_core.loading import load_classifier, read_folder

PACKAGE: Final = Path(model_core.__file__).parent
DEFAULT_CHECKPOINT: Final = "starcast-electra-6x384"
VERSION_KEY: Final = b"starcast.model_version"
"""Says in the metadata of an output file which model rated it."""

_ROWS_A_BATCH: Final = 1_024
_TYPES: Final = {int: pa.int64(), float: pa.float64(), bool: pa.bool_(), str: pa.string()}


class Stop(Exception):  # noqa: N818 - reads as what it says
    """The run cannot begin. The message is for users."""


class Rater:
    """One worker: a model, and the files that it is given."""

    def __init__(self, checkpoint: str, threads: int, column: str, prefix: str) -> None:
        # The package has come to this machine, with its checkpoints, from the one that started the run.
        folder = Path(model_core.__file__).parent / "checkpoints" / checkpoint
        self._classifier = load_classifier(folder, threads=threads, cache_bytes=0)
        self._added = [pa.field(*each) for each in _fields(self._classifier.info.labels)]
        self._column, self._prefix = column, prefix

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        """Rate the files ``source``, each into its ``target``; return the number of rows of each."""
        pairs = zip(batch["source"], batch["target"], strict=True)
        return {
            "source": list(batch["source"]),
            "rows": [self._rate(str(source), str(target)) for source, target in pairs],
        }

    def _rate(self, source: str, target: str) -> int:
        filesystem, path = fs.FileSystem.from_uri(target)
        unfinished, rows = f"{path}.unfinished", 0
        with _open(source) as reader, filesystem.open_output_stream(unfinished) as stream:
            added = [field.with_name(self._prefix + field.name) for field in self._added]
            metadata = {**(reader.schema_arrow.metadata or {}), VERSION_KEY: self._classifier.info.version.encode()}
            schema = pa.schema([*reader.schema_arrow, *added], metadata)
            with pq.ParquetWriter(stream, schema) as writer:
                for batch in reader.iter_batches(batch_size=_ROWS_A_BATCH):
                    rated = rate_column(self._classifier, batch.column(self._column).to_pylist())
                    columns = pa.Table.from_pylist(rated, pa.schema(self._added)).columns
                    writer.write_table(pa.table([*batch.columns, *columns], schema))
                    rows += batch.num_rows
        # Whoever reads the folder, and the next run, sees whole files only.
        filesystem.move(unfinished, path)
        return rows


def main(argv: Sequence[str] | None = None) -> int:
    """Rate what is not rated yet; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("input", help="folder or URL of Parquet files")
    parser.add_argument("output", help="folder or URL for the rated files, with the names of the files of INPUT")
    parser.add_argument("--column", default="text", help="column of the text (default: text)")
    parser.add_argument("--prefix", default="", help="put this before the names of the added columns")
    parser.add_argument("--checkpoint", default=DEFAULT_CHECKPOINT, help="folder in model_core/checkpoints")
    parser.add_argument("--workers", type=int, help="models at a time (default: one for each --threads CPUs)")
    parser.add_argument("--threads", type=int, default=1, help="CPUs of a worker (default: 1)")
    arguments = parser.parse_args(argv)
    try:
        todo, done = _plan(arguments, read_folder(PACKAGE / "checkpoints" / arguments.checkpoint))
    except (Stop, CheckpointError, OSError, pa.ArrowInvalid) as error:
        print(f"rate_parquet: {error}", file=sys.stderr)
        return 2
    print(f"{len(todo)} files to rate, {done} are done")
    rows = _rate(todo, arguments) if todo else 0
    print(f"{rows} rows rated")
    return 0


def _fields(labels: LabelSet) -> list[tuple[str, pa.DataType]]:
    """Return names and types of the added columns, in order."""
    return [(name, _TYPES[kind]) for name, kind in columns_of(labels).items()]


def _plan(arguments: argparse.Namespace, config: CheckpointConfig) -> tuple[list[dict[str, str]], int]:
    """Return the files to rate, and how many are done. Raises Stop, OSError, ArrowInvalid."""
    sources = dict(_files(arguments.input))
    if not sources:
        raise Stop(f"no Parquet files in {arguments.input}")
    first = next(iter(sources.values()))
    with _open(first) as reader:
        names = reader.schema_arrow.names
    if arguments.column not in names:
        raise Stop(f"{first}: no column {arguments.column!r}, but {', '.join(names)}; see --column")
    if both := sorted({arguments.prefix + name for name in columns_of(config.labels)} & set(names)):
        raise Stop(f"{first}: has columns with the names of rating columns ({', '.join(both)}); use --prefix")
    filesystem, folder = fs.FileSystem.from_uri(_uri(arguments.output))
    filesystem.create_dir(folder, recursive=True)
    targets = dict(_files(arguments.output))
    for target in targets.values():
        with _open(target) as reader:
            rated_by = (reader.schema_arrow.metadata or {}).get(VERSION_KEY, b"").decode()
        if rated_by != config.version:
            raise Stop(
                f"{target} was rated by model {rated_by or 'unknown'}, not {config.version}: name another OUTPUT"
            )
    output = _uri(arguments.output).rstrip("/")
    todo = [{"source": source, "target": f"{output}/{name}"} for name, source in sources.items() if name not in targets]
    return todo, len(sources) - len(todo)


def _rate(todo: list[dict[str, str]], arguments: argparse.Namespace) -> int:
    """Rate files on the cluster; return the number of rows."""
    ray.init(runtime_env={"py_modules": [str(PACKAGE)]}, ignore_reinit_error=True)
    workers = arguments.workers or max(1, int(ray.cluster_resources().get("CPU", 1)) // arguments.threads)
    rated = ray.data.from_items(todo, override_num_blocks=len(todo)).map_batches(
        Rater,
        fn_constructor_args=(arguments.checkpoint, arguments.threads, arguments.column, arguments.prefix),
        batch_size=1,
        num_cpus=arguments.threads,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
    )
    return sum(row["rows"] for row in rated.iter_rows())


def _files(folder: str) -> Iterator[tuple[str, str]]:
    """Yield name and URI of each Parquet file of a folder, in order."""
    filesystem, path = fs.FileSystem.from_uri(_uri(folder))
    found = filesystem.get_file_info(fs.FileSelector(path))
    uri = _uri(folder).rstrip("/")
    yield from sorted(
        (each.base_name, f"{uri}/{each.base_name}") for each in found if each.base_name.endswith(".parquet")
    )


def _open(uri: str) -> pq.ParquetFile:
    filesystem, path = fs.FileSystem.from_uri(uri)
    return pq.ParquetFile(filesystem.open_input_file(path))


def _uri(folder: str) -> str:
    return folder if "://" in folder else Path(folder).absolute().as_uri()


if __name__ == "__main__":
    sys.exit(main())
